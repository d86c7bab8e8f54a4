"""Schemathesis asks whatever the documentation allows, and much that it does not."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import schemathesis
from hypothesis import strategies as st
from PIL import Image
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from isthmus.studio.guard import Access

# What a schema cannot say, so that a request that it allows is refused: that the shape of a tensor
# is the model's and as many numbers come as it says (422), which length of JSON stands before bytes
# (400), and which bytes are a picture of a size that the model takes (415, 422).
_ALLOWED = ["2xx", "400", "415", "422"]


def picture(size: tuple[int, int], kind: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


for name in ("png", "jpeg", "tiff"):
    pictures = [picture(size, name) for size in ((8, 8), (40, 30), (1, 1))]
    schemathesis.openapi.media_type(
        f"image/{name}", st.sampled_from([*pictures, pictures[0][:50]]) | st.binary()
    )


def test_every_answer_keeps_to_the_documentation(asker: Any) -> None:
    here = Access.at("127.0.0.1", ["testserver"])  # as Schemathesis calls it
    config = SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "generation": {"max-examples": 8, "deterministic": True},
            "checks": {"positive_data_acceptance": {"expected-statuses": _ALLOWED}},
        }
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", asker(access=here).app, config=config)
    troubles, good = list[str](), set[str]()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            label = event.recorder.label
            for checks in event.recorder.checks.values():
                troubles += [f"{label}: {one.failure_info}" for one in checks if one.failure_info]
            for one in event.recorder.interactions.values():
                if one.response is not None and one.response.status_code == 200:
                    good.add(label)
        elif isinstance(event, events.NonFatalError):
            troubles.append(f"{event.label}: {event.value}")
        elif isinstance(event, events.FatalError):
            raise event.exception
    assert troubles == []
    labels = {one.ok().label for one in schema.get_all_operations()}
    assert labels <= good  # each was asked something that it answers, too
