"""The page of runs: what it asks for, and the page itself in a browser."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx2
import pytest

from isthmus.core.errors import StorageError
from isthmus.studio.app import create_studio
from isthmus.studio.guard import Access
from isthmus.studio.jobs.following import Place, news
from isthmus.studio.workspace import Workspace

HERE = Access.at("127.0.0.1")


@pytest.fixture
def folder(runs: Path, tmp_path: Path) -> Path:
    """Two trained runs, one of them twice, to be written to."""
    target = tmp_path / "runs"
    shutil.copytree(runs, target)
    shutil.copytree(runs / "digits-2d", target / "again")
    return target


@pytest.fixture
def asking(folder: Path) -> httpx2.Client:
    return client(folder)


def client(folder: Path) -> httpx2.Client:
    from starlette.testclient import TestClient

    app = create_studio(Workspace(folder), HERE)
    return TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)


def test_runs_of_the_command_line_are_listed_with_their_scores(asking: httpx2.Client) -> None:
    found = {run["name"]: run for run in asking.get("/api/runs").json()["runs"]}
    assert set(found) == {"digits-2d", "again", "segment-demo"}
    digits = found["digits-2d"]
    assert (digits["state"], digits["epoch"], digits["epochs"]) == ("done", 3, 3)
    assert digits["score"]["baseline"] == "PCA"
    assert digits["score"]["low"] < digits["score"]["mean"] < digits["score"]["high"]
    assert set(digits["can"]) == {"explore", "compare", "forget"}
    assert "segment" in found["segment-demo"]["can"]
    detail = asking.get("/api/runs/digits-2d").json()
    assert next(iter(detail["scores"])) == "model"
    assert detail["command"].startswith("isthmus evaluate ")


def test_runs_are_filed_under_projects_and_tags(asking: httpx2.Client) -> None:
    number = asking.post("/api/projects", json={"name": " Digits "}).json()["id"]
    twin = asking.post("/api/projects", json={"name": "digits"})
    assert twin.status_code == 422
    assert "already" in twin.json()["error"]
    filed = asking.post("/api/runs/again/file", json={"project": number, "tags": ["a", "b", "a"]})
    assert (filed.json()["project"], filed.json()["tags"]) == (number, ["a", "b"])
    assert asking.post("/api/runs/again/file", json={"project": 99}).status_code == 422
    kept = asking.post("/api/runs/again/file", json={"tags": []}).json()
    assert (kept["project"], kept["tags"]) == (number, [])
    project = asking.get("/api/runs").json()["projects"][0]
    assert (project["name"], project["runs"], project["starred"]) == ("Digits", 1, False)
    assert asking.delete(f"/api/projects/{number}").status_code == 200
    assert asking.get("/api/runs/again").json()["project"] is None
    assert asking.post(f"/api/projects/{number}", json={"starred": True}).status_code == 404


def test_a_run_of_others_is_hidden_not_deleted(asking: httpx2.Client, folder: Path) -> None:
    assert asking.delete("/api/runs/again").json() == {"files": False}
    assert "again" not in [run["name"] for run in asking.get("/api/runs").json()["runs"]]
    assert (folder / "again" / "model").is_dir()


@pytest.mark.parametrize("name", ["nobody", "..", "%2e%2e%2fruns", ".studio"])
@pytest.mark.parametrize("part", ["", "/report", "/metrics", "/events"])
def test_a_name_that_is_no_run_is_not_found(asking: httpx2.Client, name: str, part: str) -> None:
    answer = asking.get(f"/api/runs/{name}{part}")
    assert answer.status_code in (404, 405)


def test_two_runs_are_compared_over_the_same_samples(asking: httpx2.Client) -> None:
    query = "/api/compare?run=digits-2d&run=again&run=segment-demo"
    found = asking.get(query).json()
    first, again, other = found["runs"]
    assert first["differences"] is None
    assert again["differences"]["squared_error"]["mean"] == 0
    assert other["differences"] is None
    assert first["baseline"] == "PCA"
    keys = {one["key"]: one["values"] for one in found["settings"]}
    assert keys["data.source"] == ["digits", "digits", "made-lungs"]
    assert "title" not in keys
    assert asking.get("/api/compare?run=again").status_code == 422


def test_a_setting_that_is_refused_is_named(asking: httpx2.Client) -> None:
    def check(**wish: Any) -> Any:
        return asking.post("/api/runs/check", json={"template": "digits-2d", **wish}).json()

    fine = check(settings=["training.epochs=2"])
    assert fine["error"] is None
    assert "epochs = 2" in fine["toml"]
    wrong = check(settings=["training.epochs=2", "training.epoch=3"])
    assert wrong["field"] == "settings.1"
    assert "did you mean 'epochs'" in wrong["error"]
    both = check(settings=["training.epochs=x", "model.netwrk=3"])
    assert both["field"] == "settings.0"
    assert "epochs" in both["error"]
    assert check(data="mnits")["field"] == "data"
    assert "mnist" in check(data="mnits")["error"]
    absent = asking.post("/api/runs", json={"template": "no-such"})
    assert absent.status_code == 404
    refused = asking.post("/api/runs", json={"template": "digits-2d", "settings": ["model.x=1"]})
    assert refused.status_code == 422
    assert not [run for run in asking.get("/api/runs").json()["runs"] if run["state"] != "done"]


@pytest.mark.parametrize(
    "line",
    [
        "data.source=/etc",
        'data={source="digits"}',
        "data.masks=../../x",
        "model.start=/etc/passwd",
        "model.start=nobody",
        'model.network={kind="dense", file="~/x"}',
        "data . source = x",
    ],
)
def test_no_path_is_taken_from_a_client(asking: httpx2.Client, line: str) -> None:
    wish = {"template": "segment-demo", "settings": [line]}
    answer = asking.post("/api/runs/check", json=wish).json()
    assert answer["field"] == "settings.0"
    assert any(words in answer["error"] for words in ("paths are given", "by its name", "unknown"))


def test_a_start_is_the_name_of_a_run(asking: httpx2.Client, folder: Path) -> None:
    wish = {"template": "segment-demo", "settings": ["model.start=segment-demo"]}
    found = asking.post("/api/runs/check", json=wish).json()
    assert found["error"] is None
    assert str((folder / "segment-demo").resolve()) in found["toml"]


def test_a_recipe_is_taken_from_a_run(asking: httpx2.Client) -> None:
    form = asking.get("/api/form?run=again").json()
    assert {one["key"]: one["value"] for one in form["common"]}["training.epochs"] == 3
    wish = {"run": "again", "settings": ["training.epochs=4"]}
    assert "epochs = 4" in asking.post("/api/runs/check", json=wish).json()["toml"]


def test_a_report_may_do_nothing(asking: httpx2.Client, folder: Path) -> None:
    assert asking.get("/api/runs/again/report").status_code == 404
    (folder / "again" / "report.html").write_text("<script>alert(1)</script>")
    policy = asking.get("/api/runs/again/report").headers["content-security-policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def events(text: str) -> list[tuple[str, str, Any]]:
    """Id, kind and content of each event."""
    blocks = [
        dict(line.split(": ", 1) for line in block.splitlines())
        for block in text.split("\n\n")
        if block
    ]
    return [(block["id"], block["event"], json.loads(block["data"])) for block in blocks]


def test_who_comes_back_misses_nothing_and_gets_nothing_twice(asking: httpx2.Client) -> None:
    first = events(asking.get("/api/runs/again/events").text)
    assert [kind for _, kind, _ in first] == ["news", "card", "end"]
    assert [row["epoch"] for row in first[0][2]["rows"]] == [1, 2, 3]
    back = {"Last-Event-ID": first[0][0]}
    later = events(asking.get("/api/runs/again/events", headers=back).text)
    assert [kind for _, kind, _ in later] == ["card", "end"]
    lost = {"Last-Event-ID": "of another server"}
    assert len(events(asking.get("/api/runs/again/events", headers=lost).text)) == 3


def test_only_whole_lines_are_news(tmp_path: Path) -> None:
    metrics, log = tmp_path / "metrics.jsonl", tmp_path / "log.txt"
    assert not news(tmp_path, log, Place())
    metrics.write_text('{"epoch": 1, "loss": NaN}\n{"epo')
    log.write_text("one\ntw")
    first = news(tmp_path, log, Place())
    assert (first.rows, first.log, first.again) == ([{"epoch": 1, "loss": None}], "one\n", True)
    metrics.write_text('{"epoch": 1, "loss": NaN}\n{"epoch": 2}\nbroken\n')
    log.write_text("one\ntwo\n")
    second = news(tmp_path, log, Place.parse(str(first.place)))
    assert (second.rows, second.log, second.again) == ([{"epoch": 2}], "two\n", False)
    metrics.unlink()
    metrics.write_text('{"epoch": 1}\n')  # written anew, as by a training that goes on
    third = news(tmp_path, log, second.place)
    assert third.rows == [{"epoch": 1}]
    assert third.again


def test_a_damaged_list_stops_the_studio_with_a_sentence(folder: Path) -> None:
    (folder / "studio.sqlite").write_bytes(b"nonsense" * 100)
    with pytest.raises(StorageError, match="damaged"):
        client(folder)


def test_damaged_runs_hide_no_other(asking: httpx2.Client, folder: Path) -> None:
    (folder / "again" / "evaluation.json").write_text("{")
    (folder / "segment-demo" / "recipe.toml").write_text("title = [")
    (folder / "digits-2d" / "metrics.jsonl").write_bytes(b"\xff\n[1]\n")
    found = asking.get("/api/runs")
    assert found.status_code == 200
    assert {run["name"] for run in found.json()["runs"]} == {"digits-2d", "again"}
    assert asking.get("/api/runs/segment-demo").status_code == 422


def test_a_studio_without_a_folder_says_so(visit: Any, runs: Path) -> None:
    visitor = visit(create_studio(Workspace(None, [runs / "digits-2d"]), HERE))
    tab = visitor.open("#/runs")
    tab.get_by_text("isthmus studio FOLDER").wait_for()


# -- in the browser -----------------------------------------------------------------------------


@pytest.fixture
def app(folder: Path) -> Any:
    return create_studio(Workspace(folder), HERE)


def test_a_job_is_run_from_the_page_to_its_report(visit: Any, tmp_path: Path) -> None:
    visitor = visit(create_studio(Workspace(tmp_path), HERE))
    tab = visitor.open("#/runs")
    tab.get_by_role("link", name="Choose a template").click()
    tab.get_by_role("searchbox", name="Search templates").fill("handwritten digits two")
    tab.get_by_role("link", name="Handwritten digits in two numbers").click()
    tab.get_by_label("Epochs").fill("-3")
    tab.get_by_role("alert").filter(has_text="epochs").wait_for()
    tab.get_by_label("Epochs").fill("2")
    tab.get_by_label("Name", exact=True).fill("first")
    tab.get_by_label("Tags").fill("trial, small")
    tab.get_by_role("button", name="Begin training").click()
    tab.locator(".state.done").wait_for(timeout=120_000)
    assert tab.url.endswith("#/runs/run/first")
    assert tab.locator(".uplot canvas").count() == 1
    assert "Training for 2 epochs" in tab.get_by_label("Log", exact=True).inner_text()
    assert tab.get_by_role("columnheader", name="PCA").is_visible()
    with tab.expect_popup() as opened:
        tab.get_by_role("link", name="Report").click()
    opened.value.get_by_role("heading", name="Pictures").wait_for()
    shown = opened.value.evaluate(
        "document.images[0].decode().then(() => document.images[0].width)"
    )
    assert shown > 0
    tab.goto(f"{visitor.url}/#/runs")
    row = tab.locator("article", has_text="first")
    row.wait_for()
    assert row.locator(".tag").all_inner_texts() == ["trial", "small"]
    row.get_by_role("link", name="first").click()
    tab.get_by_role("button", name="Delete").click()
    tab.get_by_role("button", name="Delete all its files?").click()
    tab.get_by_text("No runs yet").wait_for()
    assert not (tmp_path / "first").exists()


def test_runs_are_filtered_and_compared(visit: Any, app: Any) -> None:
    visitor = visit(app)
    tab = visitor.open("#/runs")
    tab.get_by_text("3 runs").wait_for()
    tab.get_by_role("searchbox").fill("segment")
    tab.get_by_text("1 of 3 runs").wait_for()
    tab.get_by_role("searchbox").fill("no such words")
    tab.get_by_role("button", name="Show all runs").click()
    for name in ("digits-2d", "again"):
        tab.get_by_role("checkbox", name=f"Compare {name}").check()
    tab.get_by_role("link", name="Compare 2 runs").click()
    tab.get_by_role("heading", name="2 runs side by side").wait_for()
    assert tab.get_by_role("img", name="Loss over epochs").count() == 1
    tab.get_by_text("The recipes are alike.").wait_for()


def test_two_pages_see_the_same_projects_and_data(visit: Any, app: Any, tmp_path: Path) -> None:
    visitor = visit(app)
    one, two = visitor.open("#/runs/projects"), visitor.open("#/runs/data", width=390, height=844)
    one.get_by_label("Name", exact=True).fill("Hearts")
    one.get_by_role("button", name="Make it").click()
    one.get_by_role("button", name="Star Hearts").click()
    one.locator(".star[aria-pressed=true]").wait_for()
    (tmp_path / "people.csv").write_text("a,b\n1,2\n3,4\n")
    two.get_by_text("Add a data set").click()
    two.get_by_label("File").set_input_files(tmp_path / "people.csv")
    two.get_by_role("button", name="Send").click()
    sent = two.locator("article", has_text="people")
    sent.get_by_text("table").first.wait_for()
    sent.get_by_role("link", name="Use in a new run").click()
    two.get_by_role("link", name="A table of your own Press").click()
    assert two.get_by_label("Data set").first.input_value() == "people"
    two.get_by_label("Project").select_option("Hearts")
    assert two.evaluate("document.documentElement.scrollWidth") <= 390
    one.goto(f"{visitor.url}/#/runs/data")
    one.locator("article", has_text="people").wait_for()


def test_a_page_follows_a_run_while_it_grows(visit: Any, app: Any, folder: Path) -> None:
    """Epochs that another program writes appear by themselves."""
    shutil.rmtree(folder / "again" / "model")
    metrics = folder / "again" / "metrics.jsonl"
    row = json.loads(metrics.read_text().splitlines()[-1])
    metrics.write_text(json.dumps({**row, "epoch": 1}) + "\n")
    tab = visit(app).open("#/runs/run/again")
    tab.locator(".state.elsewhere").wait_for()
    tab.get_by_text("1 of 3").wait_for()
    with metrics.open("a") as file:
        file.write(json.dumps({**row, "epoch": 2, "train/total": 0.125}) + "\n")
    tab.get_by_text("2 of 3").wait_for()
    tab.locator("[role=img][aria-label*='training 0.125']").wait_for()
