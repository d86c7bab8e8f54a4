"""README.md, as a reader would follow it.

Every command of its ``sh`` blocks is run, in order, in one folder with the reader's files
(``customers.csv``, ``photos``, ``scans``), and every ``python`` block is executed. So a new command
or example is tested by being written. What differs from a reader's machine:

- `make demo` and the like are only looked up in the Makefile;
- `isthmus train` gets ``--set training.epochs=2`` unless it sets the epochs or resumes, and
  seconds where the README gives it minutes, and for a model of two networks;
- servers take a free port, open no browser, are asked for a page, and are stopped by Ctrl-C;
- MNIST is some hundred enlarged digits of scikit-learn, except for `isthmus data get`, which finds
  the real files in its cache if there are any, and else is kept from the network.
"""

from __future__ import annotations

import gzip
import os
import re
import shlex
import signal
import struct
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from support.discs import write_discs

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Photographs within the package of scikit-image; others of its data would be downloaded.
SERVERS = {"studio": ["--no-browser"], "explore": ["--no-browser"], "serve": []}
PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "camera", "coins", "rocket")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Each command as its words, without comments."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    split = [shlex.split(line, comments=True) for line in lines]
    return [words for words in split if words]


COMMANDS = commands()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's working folder, with files of the reader's own."""
    folder = tmp_path_factory.mktemp("reader")
    _customers(folder / "customers.csv")
    _photos(folder / "photos")
    write_discs(folder / "scans", 20)
    _mnist(folder / "data" / "mnist")
    return folder


@pytest.fixture(scope="module")
def environment(folder: Path) -> dict[str, str]:
    """Data and cache within the folder, one thread, no network."""
    real = Path(os.environ.get("ISTHMUS_DATA", "nowhere")) / "mnist"
    if real.is_dir():
        (folder / "cache" / "isthmus").mkdir(parents=True)
        (folder / "cache" / "isthmus" / "mnist").symlink_to(real)
    return {
        **os.environ,
        "ISTHMUS_DATA": str(folder / "data"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "https_proxy": "http://127.0.0.1:9",  # where nobody answers
        "OMP_NUM_THREADS": "1",
        "NO_COLOR": "1",
    }


def _customers(path: Path) -> None:
    """The wholesale customers of the UCI repository where they are there, else made-up ones."""
    source = Path(os.environ.get("ISTHMUS_DATA", "nowhere")) / "tabular/wholesale_customers.csv"
    if source.is_file():
        path.write_bytes(source.read_bytes())
        return
    generator = np.random.default_rng(0)
    columns = {name: generator.lognormal(8, 1, 200) for name in ("Fresh", "Milk", "Grocery")}
    pl.DataFrame({"Channel": generator.integers(1, 3, 200), **columns}).write_csv(path)


def _photos(folder: Path) -> None:
    """Cuttings of real photographs, of mixed sizes."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for name in PHOTOGRAPHS:
        photograph = getattr(skimage.data, name)()
        if photograph.ndim == 2:
            photograph = np.stack([photograph] * 3, axis=-1)
        for number in range(5):
            height, width = generator.integers(60, 200, 2)
            top, left = (generator.integers(0, side - 200) for side in photograph.shape[:2])
            cutting = photograph[top : top + height, left : left + width]
            Image.fromarray(cutting).save(folder / f"{name}-{number}.png")


def _mnist(folder: Path) -> None:
    """Four idx files with 300 digits for training and 60 for testing, 28 x 28 pixels."""
    folder.mkdir(parents=True)
    digits = load_digits()
    images = np.kron(digits.images[:360] * 15, np.ones((1, 3, 3))).astype(np.uint8)
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    for name, part in (("train", slice(300)), ("t10k", slice(300, 360))):
        _idx(folder / f"{name}-images-idx3-ubyte.gz", images[part])
        _idx(folder / f"{name}-labels-idx1-ubyte.gz", digits.target[:360][part].astype(np.uint8))


def _idx(path: Path, values: NDArray[np.uint8]) -> None:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes()))


def _quick(words: list[str]) -> list[str]:
    """The command, with two epochs if it trains without saying how long, and little time."""
    trains = words[:2] == ["isthmus", "train"]
    if "--minutes" in words:
        place = words.index("--minutes") + 1
        words = [*words[:place], "0.1", *words[place + 1 :]]
    if "lung-involvement" in words:  # each of its networks has epochs of its own
        return [*words, "--minutes", "0.1"]
    says = "--resume" in words or any("training.epochs" in word for word in words)
    return [*words, "--set", "training.epochs=2"] if trains and not says else words


def test_the_readme_has_commands_and_examples() -> None:
    assert len(COMMANDS) > 10
    assert blocks("python")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command(folder: Path, environment: dict[str, str], words: list[str]) -> None:
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE)
        return
    assert words[0] == "isthmus"
    if words[1] in SERVERS:
        _ask_a_server(folder, environment, [*words, "--port", "0", *SERVERS[words[1]]])
        return
    result = subprocess.run(
        [sys.executable, "-m", *_quick(words)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if words[1:3] == ["data", "get"] and not (folder / "cache/isthmus/mnist").is_symlink():
        assert result.stderr.startswith("Error: https://")
        assert "check the network connection" in result.stderr
        return
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    assert result.stdout


def _ask_a_server(folder: Path, environment: dict[str, str], words: list[str]) -> None:
    command = [sys.executable, "-m", *words]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            told = process.stdout.readline().decode()
            found = re.search(r"http://127\.0\.0\.1:\d+", told)
            assert found, told + process.stderr.read().decode()
            with urllib.request.urlopen(f"{found[0]}/docs", timeout=30) as answer:
                assert answer.status == 200
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert process.stderr.read() == b""


def _written(text: str) -> Iterator[str]:
    """Files in the working folder that the text says a command writes."""
    yield from re.findall(r"`(runs/[\w/.-]+)`", text)


def test_what_the_commands_write_is_there(folder: Path) -> None:
    names = list(_written(README))
    assert "runs/table/report.html" in names
    for name in names:
        assert (folder / name).exists()
    codes = pl.read_csv(folder / "codes.csv")
    assert codes.shape == (pl.read_csv(folder / "customers.csv").height, 2)
    for path in (folder / "rebuilt").iterdir():
        with Image.open(path) as image:
            assert image.size == (32, 32)


@pytest.mark.parametrize("code", blocks("python"))
def test_an_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    for line, shape in re.findall(r"^(\w+) = .*# (\(.*\))$", code, re.MULTILINE):
        assert str(np.shape(names[line])) == shape


def test_the_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)", README)
    local = [target for target in targets if "://" not in target]
    assert local
    missing = [target for target in local if not (ROOT / target).exists()]
    assert not missing
