"""Data sets known by name: what they are, where they are found, how they are read."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from isthmus.core.errors import DataError
from isthmus.core.registry import nearest
from isthmus.data.dataset import DataSet
from isthmus.data.entry import Entry, MadeEntry, RemoteFile
from isthmus.data.idx import read_idx_folder
from isthmus.data.known_pairs import KNOWN_PAIRS
from isthmus.data.made import MADE_PAIRS, MADE_VOLUMES


def find(name: str, path: str | Path | None = None) -> Path:
    """Return the folder of a named data set.

    It is `path` if given, else ``$ISTHMUS_DATA/NAME``, else ``NAME`` in the cache.

    Raises
    ------
    DataError
        If the name is unknown or the files are not there.
    """
    entry = stored_entry(name)
    if path is not None:
        folder = Path(path)
        missing = entry.missing(folder)
        if missing:
            raise DataError(
                f"{folder} lacks {missing[0]} of the data set '{name}';"
                " name the folder of its files."
            )
        return folder
    own = entry.folder or name
    folders = [cache_folder() / own if entry.contents else _bundled_folder()]
    if entry.contents and os.environ.get("ISTHMUS_DATA"):
        folders.insert(0, Path(os.environ["ISTHMUS_DATA"]) / own)
    for folder in folders:
        if folder.is_dir() and not entry.missing(folder):
            return folder
    ways = ["give its folder with --data PATH", "set ISTHMUS_DATA to the folder above it"]
    if entry.files:
        ways.append(f"run `isthmus data get {name}`")
    raise DataError(
        f"The data set '{name}' was not found in {' or '.join(str(folder) for folder in folders)};"
        f" {', '.join(ways[:-1])}, or {ways[-1]}."
    )


def listing() -> list[tuple[Entry, Path | None]]:
    """Every known data set with the folder where it was found, or None."""
    found: list[tuple[Entry, Path | None]] = []
    for name, entry in CATALOGUE.items():
        try:
            found.append((entry, find(name)))
        except DataError:
            found.append((entry, None))
    return found


def entry_of(name: str) -> Entry:
    """The entry of a name.

    Raises
    ------
    DataError
        If it is unknown; the nearest name is given.
    """
    if name not in CATALOGUE:
        raise DataError(
            f"There is no data set named '{name}'{nearest(name, CATALOGUE)}."
            f" Choose from: {', '.join(CATALOGUE)}."
        )
    return CATALOGUE[name]


def stored_entry(name: str) -> Entry:
    """The entry of a name that stands for files.

    Raises
    ------
    DataError
        If it is unknown, or its images are made.
    """
    entry = entry_of(name)
    if isinstance(entry, MadeEntry):
        raise DataError(
            f"'{name}' is a set with label maps that is made and has no folder; write"
            f" it as files with `isthmus data make {name} FOLDER`."
        )
    return entry


def cache_folder() -> Path:
    """The folder for downloaded data sets."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("isthmus"))


def _bundled_folder() -> Path:
    """Data folder of scikit-learn, found without the second that its import takes."""
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise DataError(
            "scikit-learn is not installed; install it with `pip install scikit-learn`."
        )
    return Path(spec.origin).parent / "datasets" / "data"


def _read_digits(_: Path) -> DataSet:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return DataSet(
        "digits",
        digits.images.astype(np.uint8),
        labels=digits.target.astype(np.int64),
        class_names=tuple(str(digit) for digit in digits.target_names),
        value_range=(0.0, 16.0),
    )


def _read_fashion(folder: Path) -> DataSet:
    names = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    return replace(read_idx_folder(folder), class_names=names)


def _read_black_and_white(folder: Path) -> DataSet:
    """Each pixel white with a probability of its brightness, by draws that are always the same."""
    grey = read_idx_folder(folder)
    generator = np.random.default_rng(0)
    samples = np.empty_like(grey.samples)
    for start in range(0, len(samples), 10_000):  # all draws at once are 439 MB
        some = grey.samples[start : start + 10_000]
        samples[start : start + 10_000] = 255 * (generator.random(some.shape) < some / 255)
    return replace(grey, samples=samples)


_MNIST = Entry(
    name="mnist",
    description="handwritten digits of 28 x 28 pixels; the last 10000 are the test part",
    sample_shape=(28, 28),
    count=70000,
    licence="CC BY-SA 3.0",
    reader=read_idx_folder,
    files=(
        RemoteFile(
            "train-images-idx3-ubyte.gz",
            9912422,
            "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        RemoteFile(
            "train-labels-idx1-ubyte.gz",
            28881,
            "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        RemoteFile(
            "t10k-images-idx3-ubyte.gz",
            1648877,
            "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        RemoteFile(
            "t10k-labels-idx1-ubyte.gz",
            4542,
            "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    ),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)
_ENTRIES = (
    Entry(
        name="digits",
        description="handwritten digits of 8 x 8 pixels, values 0 to 16; comes with scikit-learn",
        sample_shape=(8, 8),
        count=1797,
        licence="CC BY 4.0",
        reader=_read_digits,
    ),
    _MNIST,
    replace(
        _MNIST,
        name="mnist-binary",
        description="the same in black and white: each pixel drawn once by its brightness",
        reader=_read_black_and_white,
        folder=_MNIST.name,
    ),
    Entry(
        name="fashion-mnist",
        description="clothes of 28 x 28 pixels; the last 10000 are the test part",
        sample_shape=(28, 28),
        count=70000,
        licence="MIT",
        reader=_read_fashion,
        files=(
            RemoteFile(
                "train-images-idx3-ubyte.gz", 26421880, "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d"
            ),
            RemoteFile("train-labels-idx1-ubyte.gz", 29515, "md5:25c81989df183df01b3e8a0aad5dffbe"),
            RemoteFile(
                "t10k-images-idx3-ubyte.gz", 4422102, "md5:bef4ecab320f06d8554ea6380940ec79"
            ),
            RemoteFile("t10k-labels-idx1-ubyte.gz", 5148, "md5:bb300cfdad3c16e7a12a480ee83cd310"),
        ),
        mirrors=(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        ),
    ),
)
CATALOGUE: dict[str, Entry] = {
    entry.name: entry for entry in (*_ENTRIES, *KNOWN_PAIRS, *MADE_PAIRS, *MADE_VOLUMES)
}
