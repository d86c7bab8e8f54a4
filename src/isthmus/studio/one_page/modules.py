"""The studio's own modules, written into a page.

A page that was opened from a file may not import other files: browsers count each of them as an
origin of its own. So every module becomes an address that holds its own text, ``data:``, and an
import map names these. Such an address has no folder, so that modules must name each other in full:
``./dom.js`` becomes ``isthmus/dom.js``. No tool that builds is needed, and what runs is what the
studio's server sends.
"""

from __future__ import annotations

import posixpath
import re
from base64 import b64encode

from isthmus.studio.answers import STATIC

_PREFIX = "isthmus/"
# What names another module, at the beginning of a line.
_IMPORT = re.compile(
    r'^(import\s+|(?:import|export)\b[^;"\']*?\bfrom\s+)(["\'])([^"\']+)\2', re.MULTILINE
)
_BEGUN = re.compile(r"^import\b(?!\s*\()", re.MULTILINE)
# What is imported later, but for what comments say.
_LATER = re.compile(r'^(?!\s*(?:\*|//|/\*)).*?\bimport\((?:"([^"]+)"\))?', re.MULTILINE)


def specifier(path: str) -> str:
    """The name by which a page imports a module of ``static/``."""
    return _PREFIX + path


def modules(entry: str, given: tuple[str, ...] = ()) -> dict[str, str]:
    """Text of a module of ``static/`` and of all that it imports, by specifier.

    Parameters
    ----------
    entry
        Path within ``static/``.
    given
        Bare specifiers that the page maps by itself.

    Raises
    ------
    ValueError
        If an import cannot be resolved: then the module cannot be part of such a page.
    """
    texts: dict[str, str] = {}
    waiting = [entry]
    while waiting:
        path = waiting.pop()
        if specifier(path) in texts:
            continue
        text = (STATIC / path).read_text(encoding="utf-8")
        found = {match[3]: _resolved(path, match[3]) for match in _IMPORT.finditer(text)}
        _check(path, text, given)

        def named(match: re.Match[str], found: dict[str, str] = found) -> str:
            return f"{match[1]}{match[2]}{specifier(found[match[3]])}{match[2]}"

        texts[specifier(path)] = _IMPORT.sub(named, text)
        waiting += found.values()
    return texts


def _check(path: str, text: str, given: tuple[str, ...]) -> None:
    """Whether every import of a module was understood."""
    understood = [match[0] for match in _IMPORT.finditer(text) if match[0].startswith("import")]
    if len(understood) != len(_BEGUN.findall(text)):
        raise ValueError(f"{path} imports in a way that cannot be written into a page.")
    for match in _LATER.finditer(text):
        if match[1] not in given:
            raise ValueError(f"{path} imports {match[1]} later, which no page can do alone.")


def _resolved(path: str, wanted: str) -> str:
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), wanted))
    if not wanted.startswith("./") and not wanted.startswith("../"):
        raise ValueError(f"{path} imports {wanted}, which is no module of the studio.")
    if not (STATIC / found).is_file():
        raise ValueError(f"{path} imports {wanted}, which is not there.")
    return found


def address(text: str | bytes, media_type: str) -> str:
    """Text or bytes as a ``data:`` address."""
    content = text.encode() if isinstance(text, str) else text
    return f"data:{media_type};base64,{b64encode(content).decode()}"


def import_map(texts: dict[str, str]) -> dict[str, dict[str, str]]:
    """What a browser is told of modules by their text."""
    return {"imports": {name: address(text, "text/javascript") for name, text in texts.items()}}
