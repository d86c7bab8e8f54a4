from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from isthmus.studio.app import create_studio
from isthmus.studio.guard import Access
from isthmus.studio.workspace import Workspace

HERE = Access.at("127.0.0.1")


def client(access: Access, workspace: Workspace | None = None) -> httpx2.Client:
    from starlette.testclient import TestClient

    app = create_studio(workspace or Workspace(None), access)
    return TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)


def test_a_host_of_another_name_is_refused() -> None:
    answer = client(HERE).get("/api/models", headers={"Host": "evil.example"})
    assert answer.status_code == 403
    assert "evil.example" in answer.json()["error"]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999"])
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    assert client(HERE).get("/api/models", headers={"Origin": origin}).status_code == 403
    own = {"Origin": "http://127.0.0.1:8000"}
    assert client(HERE).get("/api/models", headers=own).status_code == 200


def test_away_from_this_machine_a_token_is_needed() -> None:
    access = Access.at("0.0.0.0", ["127.0.0.1"])
    assert access.token
    asking = client(access)
    assert asking.get("/api/models").status_code == 401
    assert asking.get("/api/models", headers={"Authorization": "Bearer no"}).status_code == 401
    bearer = {"Authorization": f"Bearer {access.token}"}
    assert asking.get("/api/models", headers=bearer).status_code == 200
    assert asking.get("/api/models").status_code == 401
    asking.get(f"/?token={access.token}")  # leaves a cookie
    assert asking.get("/api/models").status_code == 200


def test_a_body_that_is_too_long_is_refused_before_it_is_read() -> None:
    answer = client(Access.at("127.0.0.1", most_bytes=10)).post("/api/models", content=b"x" * 11)
    assert answer.status_code == 413


def test_the_documentation_and_page_name_no_other_host() -> None:
    asking = client(HERE)
    for path in ("/", "/docs"):
        text = asking.get(path).text
        assert "http://" not in text.replace("http://127.0.0.1:8000", "")
        assert "https://" not in text
    assert asking.get("/static/vendor/swagger-ui.js").status_code == 200


def test_models_are_named_not_pathed(runs: Path) -> None:
    asking = client(HERE, Workspace(runs))
    cards = {card["name"]: card for card in asking.get("/api/models").json()}
    assert cards["digits-2d"]["task"] == "autoencoding"
    assert cards["digits-2d"]["sample_shape"] == [8, 8]
    assert cards["segment-demo"]["classes"]


def test_two_runs_of_one_name_get_two_names(runs: Path) -> None:
    run = runs / "digits-2d"
    assert list(Workspace(None, [run, run]).runs()) == ["digits-2d", "digits-2d-2"]


def test_a_damaged_model_hides_no_other(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.json").write_text("{")
    workspace = Workspace(tmp_path, [runs / "digits-2d"])
    assert [card.name for card in workspace.cards()] == ["digits-2d"]


def test_a_page_has_the_rules_of_no_other(visit: Any, runs: Path) -> None:
    tab = visit(create_studio(Workspace(runs), HERE)).open("#/explore")
    for page in ("segment", "runs", "explore"):
        tab.get_by_role("link", name=page.capitalize(), exact=True).click()
        tab.wait_for_selector(f".page-{page} > *")
        holding = tab.evaluate(
            "[...document.styleSheets].filter((one) => !one.disabled)"
            ".map((one) => new URL(one.href).pathname).filter((path) => path.includes('/pages/'))"
        )
        assert holding == [f"/static/pages/{page}.css"]


@pytest.mark.parametrize("page", ["", "#/explore", "#/segment", "#/runs", "#/serve", "docs"])
def test_each_page_loads_without_an_error(visit: Any, runs: Path, page: str) -> None:
    visitor = visit(create_studio(Workspace(runs), HERE))
    tab = visitor.open(page)
    tab.wait_for_load_state("networkidle")
    assert tab.title()
    text = tab.locator("body").inner_text()
    assert "null" not in text
    assert "undefined" not in text
