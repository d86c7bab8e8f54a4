"""One HTML file with the code space of a model, and a probe that decodes within it."""

from __future__ import annotations

import hashlib
import json
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import isthmus
from isthmus.core.errors import SettingError
from isthmus.core.files import write_text
from isthmus.recipes.autoencoding import read_data
from isthmus.recipes.inputs import load_autoencoder
from isthmus.recipes.runner import has_recipe, read_recipe
from isthmus.studio.answers import STATIC
from isthmus.studio.explore.codes import encode
from isthmus.studio.explore.routes import space_of
from isthmus.studio.explore.work import Work
from isthmus.studio.one_page.content import most_samples, told
from isthmus.studio.one_page.live import SPECIFIER, Decoder, Runtime, decoder_of, read_runtime
from isthmus.studio.one_page.modules import address, import_map, modules, specifier

SAMPLES = 3000
_ENTRY = "pages/one-page.js"
_STYLES = ("style.css", "pages/explore.css", "pages/one-page.css")
# Nothing is asked for, from anywhere. What an import map names is trusted as the page's own scripts
# are, by their nonce, which modules hand on to those that they import.
_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'{wasm}; style-src 'unsafe-inline';"
    " img-src data: blob:; base-uri 'none'; form-action 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Isthmus {version}">
<title>{title} – Isthmus</title>
<link rel="icon" href="{icon}">
<style>
{style}</style>
<script type="importmap" nonce="{nonce}">{imports}</script>
<header>
  <span class="brand"><img src="{icon}" alt="" width="28" height="28"> Isthmus</span>
</header>
<main id="page" tabindex="-1"></main>
<div id="messages" role="status" aria-live="polite"></div>
<noscript>This page needs JavaScript.</noscript>
<script type="application/json" id="told">{told}</script>
{runtime}<script type="module" nonce="{nonce}">import "{entry}";</script>
</html>
"""
_RUNTIME = """<script type="text/plain" id="onnxruntime-licence">{licence}</script>
<script type="text/plain" id="onnxruntime">{compiled}</script>
"""


class Page(NamedTuple):
    """What was written: how many samples it holds, nodes of its lattice, bytes."""

    samples: int
    nodes: tuple[int, int]
    size: int


def write_page(run: Path, out: Path, *, live: Path | None = None, samples: int = SAMPLES) -> Page:
    """Write the code space of a run's autoencoder as one page that opens without a server.

    Parameters
    ----------
    run
        Folder of a run, whose data are at hand.
    out
        The file.
    live
        Folder ``dist`` of onnxruntime-web: the page then computes the decoder itself.
    samples
        Of the test part, at most; fewer where codes are long.

    Raises
    ------
    SettingError
        If the run holds no autoencoder, or one that cannot decode codes; or files of
        onnxruntime-web are missing.
    DataError
        If its data cannot be read.
    StorageError
        If the disk refuses.
    """
    runtime = None if live is None else read_runtime(live)
    model = load_autoencoder(run)
    if not has_recipe(run):
        raise SettingError(f"{run} is a model without its data; give the folder of a run.")
    recipe = read_recipe(run)
    dataset, parts = read_data(recipe.data)
    count = most_samples(model, samples)
    codes = encode(model, dataset, parts, "test", count, lambda doing, done: None)
    space = space_of(run.name, recipe.title, model, Work(done=1.0, codes=codes))
    if space.mute is not None:
        raise SettingError(f"A page needs a decoder of codes: {space.mute}")
    # No encoder goes with the page, so nothing can be looked for.
    content = told(space.model_copy(update={"searchable": False, "umap": False}), codes, run)
    decoder = None if runtime is None else decoder_of(model)
    text = _rendered(recipe.title, content.model_dump(), decoder, runtime)
    write_text(out, text)
    lattice = content.lattice
    return Page(len(codes.codes), (lattice.columns, lattice.rows), len(text.encode()))


def _rendered(
    title: str, content: dict[str, Any], decoder: Decoder | None, runtime: Runtime | None
) -> str:
    content["decoder"] = None if decoder is None else decoder.model_dump()
    texts = modules(_ENTRY, (SPECIFIER,))
    if runtime is not None:
        texts[SPECIFIER] = runtime.module
    data = _in_script(content)
    # Different in each page, and the same for the same page.
    nonce = hashlib.sha256(data.encode()).hexdigest()[:32]
    icon = address((STATIC / "icon.svg").read_text(encoding="utf-8"), "image/svg+xml")
    policy = _POLICY.format(nonce=nonce, wasm=" 'wasm-unsafe-eval'" if runtime else "")
    return _PAGE.format(
        policy=policy,
        nonce=nonce,
        version=isthmus.__version__,
        title=escape(title),
        icon=icon,
        style="".join((STATIC / name).read_text(encoding="utf-8") for name in _STYLES),
        imports=_in_script(import_map(texts)),
        told=data,
        runtime="" if runtime is None else _RUNTIME.format(**runtime._asdict()),
        entry=specifier(_ENTRY),
    )


def _in_script(content: Any) -> str:
    """JSON that ends no script element: within its strings ``<`` may be written otherwise."""
    return json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
