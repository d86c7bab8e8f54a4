"""What every page of a model of labels shows of its scores: beside the baselines, and the loss."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.metrics import measure_of
from isthmus.recipes.runner import Run
from isthmus.reports import figures
from isthmus.reports.page import Drawing


def beside_baselines(
    run: Run, measure: str, *, what: str, by_case: str, pieces: str
) -> Iterator[Drawing]:
    """A measure case by case and on average, beside the baselines; and the loss by epoch.

    Nothing is drawn of a measure that the model, or every baseline, has no value of.

    Parameters
    ----------
    measure
        Column of the evaluation; a greater one is better.
    what
        One case, such as "image".
    by_case
        Name of the first picture.
    pieces
        Plural of what training cuts its pieces from.
    """
    evaluation, title = run.evaluation, measure_of(measure).title
    means = {
        method: row[measure].mean for method, row in evaluation.table().items() if measure in row
    }
    if "model" in means and len(means) > 1:
        best = max(means.keys() - {"model"}, key=lambda method: (means[method], method))
        yield (
            by_case,
            f"{title}, of each {evaluation.part} {what}, from the worst to the best, and that of"
            f" '{best}', the best baseline, on the same {what}.",
            figures.sorted_scores(evaluation, measure, best),
        )
        yield (
            "scores",
            f"{title}, on the {evaluation.part} {what}s beside the baselines; bars show 95 %"
            " intervals.",
            figures.score_bars(evaluation, measure),
        )
    if run.model.history_:
        caption = (
            f"Loss by epoch, on pieces of the training {pieces} and of the validation {pieces}."
        )
        yield "loss", caption, figures.loss_curves(run.model.history_)
