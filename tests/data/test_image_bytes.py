from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from isthmus.core.errors import DataError
from isthmus.data.image_bytes import decode_bytes, image_suffix

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)


def encoded(pixels: Any, kind: str, **settings: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **settings)
    return stream.getvalue()


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", ".png"), ("TIFF", ".tif"), ("JPEG", ".jpg")])
def test_the_first_bytes_tell_what_it_is(kind: str, suffix: str) -> None:
    content = encoded(GREY, kind)
    assert image_suffix(content) == suffix
    np.testing.assert_allclose(decode_bytes(content, most_pixels=48), GREY, atol=4)


def test_it_is_refused_by_what_it_declares() -> None:
    with pytest.raises(DataError, match=r"^The image has 8 x 6 pixels, more than the 47"):
        decode_bytes(encoded(GREY, "PNG"), most_pixels=47)


def test_the_pages_of_a_tiff_are_not_one_image() -> None:
    content = encoded(GREY, "TIFF", save_all=True, append_images=[Image.fromarray(GREY)])
    with pytest.raises(DataError, match=r"^The image"):
        decode_bytes(content, most_pixels=100)


@given(
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"II*\0", b"\xff\xd8\xff", b"GIF89a"]), st.binary()
)
def test_other_bytes_end_in_a_sentence_without_a_path(start: bytes, rest: bytes) -> None:
    with pytest.raises(DataError, match=r"^T(he image|his is)") as found:
        decode_bytes(start + rest, most_pixels=100)
    assert "isthmus-" not in str(found.value)
