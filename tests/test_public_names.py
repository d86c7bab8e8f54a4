"""What the package shows, and rules that hold for all of its files."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import isthmus

SOURCE = Path(isthmus.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
MOST_LINES = 400


def named(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def test_every_public_name_is_there() -> None:
    assert set(isthmus.__all__) == {*isthmus._HOMES, "__version__"}
    assert dir(isthmus) == sorted(isthmus.__all__)
    for name in isthmus.__all__:
        assert getattr(isthmus, name) is not None
    names: dict[str, object] = {}
    exec("from isthmus import *", names)
    assert names.keys() - {"__builtins__"} == set(isthmus.__all__)


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Autoencodr'"):
        isthmus.Autoencodr  # noqa: B018
    with pytest.raises(ImportError):
        exec("from isthmus import nothing")


def test_the_import_is_light() -> None:
    code = (
        "import sys, isthmus;"
        "heavy = {'torch', 'sklearn', 'scipy', 'numpy', 'pydantic', 'matplotlib', 'polars'};"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("path", FILES, ids=named)
def test_whatever_is_public_is_explained(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    public_class = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    members = [inner for outer in public_class for inner in outer.body]
    for node in [*tree.body, *members]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node) or _is_overload(node), f"{node.name}, {node.lineno}"


def _is_overload(node: ast.FunctionDef | ast.ClassDef) -> bool:
    return any(getattr(decorator, "id", "") == "overload" for decorator in node.decorator_list)


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    """No pickle, torch.save, eval or exec; torch.load of weights only; NumPy never with pickles."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            modules = []
        forbidden = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
        assert not forbidden & {module.split(".")[0] for module in modules}
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("torch.save", "eval", "exec"), node.lineno
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert called != "torch.load" or given["weights_only"] == "True", node.lineno
            for keyword in node.keywords:
                if keyword.arg == "allow_pickle":
                    assert ast.unparse(keyword.value) == "False", node.lineno
