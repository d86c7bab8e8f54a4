"""``report.html``: one self-contained page about a run, and its pictures as PNG files."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

import isthmus
from isthmus.core.files import atomic_file, write_text
from isthmus.metrics import METRICS
from isthmus.networks import count_parameters
from isthmus.recipes.runner import Run
from isthmus.reports import figures, pictures
from isthmus.reports.style import to_png

_CASES = 8  # columns of a panel


@dataclass(frozen=True)
class Picture:
    """A picture of the report.

    Attributes
    ----------
    name
        Of its PNG file, without ending.
    caption
        What it shows.
    png
        The file's bytes.
    """

    name: str
    caption: str
    png: bytes

    @property
    def data_uri(self) -> str:
        """The picture as an address that needs no file."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


def write_report(run: Run) -> Path:
    """Write ``report.html`` and ``pictures/*.png`` into the run's folder; return the page's path.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    shown = [
        Picture(name, caption, to_png(figure)) for name, caption, figure in _draw(run) if figure
    ]
    environment = Environment(
        loader=PackageLoader("isthmus.reports"), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("report.html").render(
        run=run,
        version=isthmus.__version__,
        pictures=shown,
        table=run.evaluation.table(),
        metrics=METRICS,
        parameters=count_parameters(run.model.network_),
        last=run.model.history_[-1] if run.model.history_ else {},
    )
    for picture in shown:
        with atomic_file(run.folder / "pictures" / f"{picture.name}.png") as temporary:
            temporary.write_bytes(picture.png)
    path = run.folder / "report.html"
    write_text(path, page)
    return path


def _draw(run: Run) -> list[tuple[str, str, Figure | None]]:
    """All pictures that suit the run: name, caption, figure."""
    model, test = run.model, run.test
    target = _scaled(model, test.samples)
    output = _scaled(model, model.reconstruct(test.samples))
    codes = model.transform(test.samples)
    errors = run.evaluation.values["model"]["squared_error"]
    points = figures.choose_points(len(codes))
    labels = None if test.labels is None else test.labels[points]
    common: list[tuple[str, str, Figure | None]] = [
        (
            "errors",
            "Error on the test samples beside PCA of the same code size, the same network"
            " untrained, and the mean sample; bars show 95 % intervals.",
            figures.error_bars(run.evaluation),
        ),
        (
            "loss",
            f"Loss by epoch, per {model.network_ and _scale(model)}.",
            figures.loss_curves(model.history_) if model.history_ else None,
        ),
        (
            "codes",
            f"Codes of {len(points)} test samples, drawn at random.",
            figures.code_scatter(codes[points], labels, test.class_names),
        ),
    ]
    if target.ndim == 2:
        names = test.feature_names or tuple(f"value {i}" for i in range(target.shape[1]))
        caption = "Columns that the code keeps well and badly; the marks show predicting the mean."
        figure = figures.feature_errors(names, target, output)
        return [*common, ("columns", caption, figure)]
    return [*_image_panels(run, target, output, codes, errors), *common]


def _image_panels(
    run: Run, target: Any, output: Any, codes: Any, errors: Any
) -> list[tuple[str, str, Figure | None]]:
    model = run.model
    order = np.argsort(errors, kind="stable")
    any_cases = np.random.default_rng(0).permutation(len(errors))[:_CASES]
    shaped = codes.reshape(-1, *model.network_.code_shape)

    def panel(cases: Any) -> Figure:
        titles = [f"{errors[case]:.3g}" for case in cases]
        return pictures.reconstruction_panel(target[cases], shaped[cases], output[cases], titles)

    def decode(grid: Any) -> Any:
        return _scaled(model, model.inverse_transform(grid))

    two = codes.shape[1] == 2
    return [
        (
            "reconstructions",
            "Test samples, their codes and what is rebuilt from them; the numbers are squared"
            " errors.",
            panel(any_cases),
        ),
        (
            "grid",
            "What the decoder makes of each place in the plane of codes.",
            pictures.decoded_grid(decode, codes) if two else None,
        ),
        ("best", "The test samples with the least error.", panel(order[:_CASES])),
        ("worst", "The test samples with the greatest error.", panel(order[::-1][:_CASES])),
    ]


def _scale(model: Any) -> str:
    loss = model.loss if isinstance(model.loss, dict) else {}
    return str(loss.get("per", "sample"))


def _scaled(model: Any, samples: Any) -> Any:
    return np.asarray(model.scaling_.apply(np.asarray(samples, np.float32)))
