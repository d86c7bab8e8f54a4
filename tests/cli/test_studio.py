from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from isthmus import Segmenter
from isthmus.cli import app
from support.discs import discs


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "discs"
    images, masks = discs(4)
    Segmenter(epochs=1, random_state=0).fit(images, masks).save(folder)
    return folder


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["explore", "nowhere"], "Error: nowhere holds no model"),
        (["serve", "nowhere"], "Error: nowhere holds no model"),
        (["studio", __file__], "is a file; give the folder of the runs."),
        (["studio", "--data", "digits"], "--data is written NAME=PATH, not 'digits'."),
        (["studio", "--host", "192.0.2.1"], "Error: Cannot listen at 192.0.2.1:8000"),
    ],
    ids=lambda given: " ".join(given[:1]) if isinstance(given, list) else None,
)
def test_what_cannot_be_shown_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_a_model_without_codes_is_not_explored(segmenter: Path) -> None:
    result = CliRunner().invoke(app, ["explore", str(segmenter)])
    assert result.exit_code == 1
    assert "is no autoencoder, so it has no code space" in result.stderr
