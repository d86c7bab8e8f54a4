from __future__ import annotations

import hashlib
import io
from pathlib import Path
from urllib.error import URLError

import pytest

from isthmus.core.errors import DataError
from isthmus.data import catalogue, download, get
from isthmus.data.catalogue import Entry, RemoteFile

CONTENT = b"four score and seven"
MIRRORS = ("https://one.example/d/", "https://two.example/")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = tuple(
        RemoteFile(name, len(CONTENT), f"{kind}:{hashlib.new(kind, CONTENT).hexdigest()}")
        for name, kind in (("a.bin", "sha256"), ("b.bin", "md5"))
    )
    entry = Entry(
        "small",
        "",
        (),
        0,
        "",
        reader=lambda folder: None,
        files=files,
        mirrors=MIRRORS,  # type: ignore[arg-type,return-value]
    )
    monkeypatch.setitem(catalogue.CATALOGUE, "small", entry)
    monkeypatch.setattr(download, "cache_folder", lambda: tmp_path)
    return tmp_path


class Network:
    """Answers with bytes, or raises."""

    def __init__(self, answers: dict[str, bytes | Exception]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, address: str) -> io.BytesIO:
        self.asked.append(address)
        answer = next(answer for start, answer in self.answers.items() if address.startswith(start))
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)


def test_files_are_fetched_once(cache: Path) -> None:
    network = Network({MIRRORS[0]: CONTENT})
    assert get("small", opener=network) == cache / "small"
    assert (cache / "small" / "b.bin").read_bytes() == CONTENT
    assert network.asked == [MIRRORS[0] + "a.bin", MIRRORS[0] + "b.bin"]
    (cache / "small" / "a.bin").write_bytes(b"damaged")
    get("small", opener=network)
    assert network.asked[2:] == [MIRRORS[0] + "a.bin"]


@pytest.mark.parametrize("fault", [URLError("down"), b"wrong content here..", CONTENT + b"!", b""])
def test_the_second_mirror_helps(cache: Path, fault: bytes | Exception) -> None:
    get("small", opener=Network({MIRRORS[0]: fault, MIRRORS[1]: CONTENT}))
    assert (cache / "small" / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (URLError("no route"), r"two\.example/a\.bin cannot be downloaded \(no route\); check the"),
        (TimeoutError("timed out"), "cannot be downloaded .timed out."),
        (b"wrong content here..", "wrong checksum"),
        (CONTENT + b"!", "sends more than the 20 bytes"),
    ],
)
def test_nothing_of_a_failure_is_kept(cache: Path, fault: bytes | Exception, message: str) -> None:
    with pytest.raises(DataError, match=message):
        get("small", opener=Network({"https://": fault}))
    assert list((cache / "small").iterdir()) == []


def test_only_https(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalogue.CATALOGUE["small"]
    plain = Entry(
        "small", "", (), 0, "", entry.reader, files=entry.files, mirrors=("file:///etc/",)
    )
    monkeypatch.setitem(catalogue.CATALOGUE, "small", plain)
    with pytest.raises(DataError, match="not an https address"):
        get("small", opener=Network({"file": CONTENT}))


def test_sets_that_cannot_be_downloaded() -> None:
    with pytest.raises(DataError, match=r"'lungs' cannot be downloaded .*ISTHMUS_DATA"):
        get("lungs", opener=Network({}))


def test_names() -> None:
    with pytest.raises(DataError, match="did you mean 'mnist'"):
        get("mnits")
