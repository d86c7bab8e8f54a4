from __future__ import annotations

from pathlib import Path
from typing import Any

from isthmus.studio.app import create_studio
from isthmus.studio.guard import Access
from isthmus.studio.serving.app import create_server
from isthmus.studio.workspace import Workspace

HERE = Access.at("127.0.0.1")


def test_the_page_shows_how_to_serve_what_is_chosen(visit: Any, runs: Path) -> None:
    tab = visit(create_studio(Workspace(runs), HERE)).open("#/serve")
    command = tab.get_by_text("isthmus serve runs/").first
    command.wait_for()
    for name in ("digits-2d", "segment-demo"):
        tab.get_by_label(name).check()
    assert "runs/digits-2d" in command.inner_text()
    assert "runs/segment-demo" in command.inner_text()
    shown = tab.inner_text("main")
    assert "/encode?model=digits-2d" in shown
    assert '"segment-demo.segment"' in shown
    for name in ("digits-2d", "segment-demo"):
        tab.get_by_label(name).uncheck()
    assert "Choose a model." in tab.inner_text("main")


def test_an_empty_folder_says_what_to_do(visit: Any, tmp_path: Path) -> None:
    tab = visit(create_studio(Workspace(tmp_path), HERE)).open("#/serve")
    tab.get_by_text("isthmus train digits-2d").wait_for()


def test_the_server_s_own_documentation_loads(visit: Any, models: dict[str, Any]) -> None:
    tab = visit(create_server(models, HERE)).open("docs")
    tab.get_by_text("/v2/models/{name}/infer").wait_for()
