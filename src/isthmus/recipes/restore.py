"""Images of any size, in files or as arrays, denoised by a model or corrupted on purpose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isthmus.core.errors import DataError, SettingError
from isthmus.core.files import atomic_file, atomic_folder
from isthmus.core.registry import check_settings
from isthmus.corruption import CORRUPTIONS, Corruption
from isthmus.data.image_files import TIFF_SUFFIXES, ImageHeader, decode, read_header
from isthmus.data.images import list_images
from isthmus.data.reading import form_of
from isthmus.data.scaling import Scaling
from isthmus.inference import in_batches, tiled
from isthmus.recipes.apply import FILES, reconstruct_file, refuse_target
from isthmus.recipes.inputs import load_autoencoder
from isthmus.recipes.schema import override
from isthmus.training import choose_device
from isthmus.training.examples import derive_seed

Image = NDArray[Any]  # (H, W) or (C, H, W)
Floats = NDArray[np.float32]
_TYPES = ("uint8", "uint16", "float32", "float64")
_WHOLE = 2**20  # pixels up to which a network that takes any size gets the whole image
_TILE, _OVERLAP = 512, 96  # beyond them
_GRID = 32  # the images start at multiples of this, of which most networks' strides are divisors
_BEYOND_WHITE = 10  # no image in [0, 1] has such values, whatever its noise
_SUFFIXES = (".png", *TIFF_SUFFIXES)


def denoise_files(model_folder: Path, source: str, out: Path) -> int:
    """Write images as the model restores them, each in its own size, type and colour.

    Image files are restored one by one by `restore_image`; data of other forms must have samples of
    the model's shape, and are written as `isthmus reconstruct` does.

    Parameters
    ----------
    model_folder
        Of a run or a model.
    source
        An image file, a folder of images, or other data.
    out
        ``.png`` or ``.tif`` for an image file; for a folder of images a new folder, in which they
        have their names, as ``.png`` unless they are TIFF.

    Returns
    -------
    int
        Number of images or samples.

    Raises
    ------
    DataError
        If an image is damaged or does not suit the model; nothing is written.
    SettingError
        If `out` cannot hold the result, or is `source` itself.
    """
    if form_of(source) != "images":
        return reconstruct_file(model_folder, source, out)
    model = load_autoencoder(model_folder)
    _refuse_tables(model)
    return _change_files(Path(source), out, lambda image, place: restore_image(model, image))


def corrupt_files(
    kind: str, source: Path, out: Path, settings: Sequence[str] = (), seed: int = 0
) -> int:
    """Write images with a registered corruption, to make test sets; return their number.

    Parameters
    ----------
    kind
        Of `isthmus.corruption.CORRUPTIONS`.
    source, out
        As for `denoise_files`, but files and folders of images only.
    settings
        Of the corruption: ``["sigma=25", "white=255"]``.
    seed
        The draw of an image is a function of it and of the image's place in the folder.

    Raises
    ------
    DataError
        If an image is damaged; nothing is written.
    SettingError
        If a setting is not the corruption's, or `out` cannot hold the result.
    """
    table: dict[str, Any] = {}
    for setting in settings:
        override(table, setting)
    own = check_settings(CORRUPTIONS[kind], table, f"corruption '{kind}'")
    corruption = CORRUPTIONS[kind](**own)
    if form_of(str(source)) != "images" or not source.exists():
        raise DataError(f"{source} is no image and no folder of images; give one to corrupt.")
    return _change_files(
        source, out, lambda image, place: corrupt_image(corruption, image, derive_seed(seed, place))
    )


def restore_image(model: Any, image: Image) -> Image:
    """g(f(x)) of an image of any size, in its own shape and type.

    - Brightness: black and white of the image, 0 and the greatest number of its type (1 for
      floating point), become those of the model's data: 0 and 1 where these lie between, else the
      range of a scaling to [0, 1], else that of their type. Where they have neither, and for
      floating point numbers where they are such of another range, values stay as they are.
    - Colour: a grey model restores each channel by itself; a model of several channels gets a grey
      image in all of them, and the mean of its results is taken.
    - Size: an image of the model's own size goes through the network as it is, and so does any
      image up to a million pixels if the network takes any size. Others go in overlapping tiles:
      see `isthmus.inference.tiled`.

    Parameters
    ----------
    model
        Fitted estimator of images.
    image
        ``(H, W)`` or ``(C, H, W)``, of type uint8, uint16, float32 or float64.

    Raises
    ------
    DataError
        If the model or `image` is none of images, the channels of the two do not go together, the
        values are not finite or far from [0, 1], or if the model scales each pixel by itself and
        the image has another size than its samples.
    """
    _refuse_tables(model)
    _check_image(image)
    shape = model.sample_shape_
    wanted = 1 if len(shape) == 2 else shape[0]
    channels = image if image.ndim == 3 else image[None]
    if wanted not in (1, len(channels)) and len(channels) > 1:
        raise DataError(
            f"An image of {len(channels)} channels does not suit a model of {wanted}; give one of"
            f" {wanted} channels, or a grey one."
        )
    black, step = units(model, image)
    result = np.empty_like(channels)
    for first in range(0, len(channels), wanted):
        part = channels[first : first + wanted].astype(np.float32)
        part *= step
        part += black
        if len(part) < wanted:
            restored = _restore(model, np.repeat(part, wanted, axis=0)).mean(0, keepdims=True)
        else:
            restored = _restore(model, part)
        restored -= black
        restored /= step
        result[first : first + wanted] = _in_type(restored, image.dtype)
    return result.reshape(image.shape)


def corrupt_image(corruption: Corruption, image: Image, seed: int) -> Image:
    """A corrupted copy of an image, in its own shape and type.

    The corruption sees it with black at 0 and white, the greatest whole number of its type, at 1;
    images of floating point numbers are seen as they are.

    Parameters
    ----------
    image
        ``(H, W)`` or ``(C, H, W)``, of type uint8, uint16, float32 or float64.

    Raises
    ------
    DataError
        If `image` is not an image or does not suit the corruption.
    """
    _check_image(image)
    white = np.float32(_white(image.dtype))
    x = torch.from_numpy(image.astype(np.float32) / white)[None]
    corruption.check_inputs(float(x.min()), float(x.max()))
    changed: Tensor = corruption(x, torch.Generator().manual_seed(seed))[0]
    return _in_type(changed.numpy() * white, image.dtype)


# -- images -------------------------------------------------------------------------------------


def _refuse_tables(model: Any) -> None:
    if len(model.sample_shape_) not in (2, 3):
        values = " x ".join(map(str, model.sample_shape_))
        raise DataError(
            f"This model was trained on samples of {values} values, not on images; give it such"
            " data, or use a model of images."
        )


def _check_image(image: Image) -> None:
    if image.ndim not in (2, 3) or 0 in image.shape or image.dtype.name not in _TYPES:
        raise DataError(
            f"An image has the shape (H, W) or (C, H, W) and the type {', '.join(_TYPES)}, but this"
            f" array has the shape {image.shape} and the type {image.dtype}."
        )
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise DataError("This image holds NaN or infinite values; replace them by numbers.")


def _white(dtype: np.dtype[Any]) -> float:
    """What counts as white in images of a type."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


def units(model: Any, image: Image) -> tuple[np.float32, np.float32]:
    """The model's black, and the step in its units of one step of the image's.

    Raises
    ------
    DataError
        If floating point values are far from [0, 1] where that is needed.
    """
    seen = _seen_range(model)
    floating = image.dtype.kind == "f"
    own_units = model.sample_dtype_.startswith("f") and seen != (0, 1)
    if seen is None or (floating and own_units):
        return np.float32(0), np.float32(1)
    if floating and np.abs(image).max() > _BEYOND_WHITE:
        raise DataError(
            f"This image holds values from {image.min():g} to {image.max():g}, but an image of"
            " floating point numbers must have black at 0 and white at 1 for this model; divide it"
            " by its white."
        )
    black, white = seen
    return np.float32(black), np.float32((white - black) / _white(image.dtype))


def _seen_range(model: Any) -> tuple[float, float] | None:
    """Black and white in the units of the model's data, where they are known."""
    low, high = model.data_.get("low", 0.0), model.data_.get("high", 1.0)
    trained = np.dtype(model.sample_dtype_)
    if trained.kind == "f" and 0 <= low <= high <= 1:
        return 0, 1
    if _is_uniform(model.scaling_):
        black, scale = float(model.scaling_.offset), float(model.scaling_.scale)
        if black <= low and high <= black + scale:  # digits from 0 to 16
            return black, black + scale
    return (0, _white(trained)) if trained.kind == "u" else None


def _is_uniform(scaling: Scaling) -> bool:
    """Whether it has one number for all pixels."""
    return scaling.offset.ndim == scaling.scale.ndim == 0


def _restore(model: Any, image: Floats) -> Floats:
    """The model's output for ``(C, H, W)`` in the units of its data, C being the model's."""
    size, own = image.shape[1:], model.sample_shape_[-2:]
    scaling = model.scaling_
    if size != tuple(own) and not _is_uniform(scaling):
        raise DataError(
            f"This image is {size[1]} x {size[0]}, but the model's scaling has a number for each"
            f" pixel of {own[1]} x {own[0]}; give images of that size, or train with"
            " scaling = 'unit'."
        )
    grey = len(model.sample_shape_) == 2
    device = choose_device(model.device)
    network = model.network_.to(device)

    def reconstruct(x: Tensor) -> Tensor:
        z = scaling.apply((x.squeeze(1) if grey else x).to(device))
        restored: Tensor = scaling.undo(network(z))
        return restored.unsqueeze(1) if grey else restored

    def function(tiles: Floats) -> Floats:
        return in_batches(reconstruct, [torch.from_numpy(tiles)])

    if size == tuple(own) or (network.any_size and size[0] * size[1] <= _WHOLE):
        whole: Floats = function(image[None])[0]
        return whole
    if not network.any_size:
        return tiled(function, image, (own[0], own[1]), (own[0] // 2, own[1] // 2))
    padded = np.pad(image, [(0, 0), *((0, -side % _GRID) for side in size)], mode="reflect")
    return tiled(function, padded, _TILE, _OVERLAP, pixels=_TILE**2)[:, : size[0], : size[1]]


def _in_type(values: Floats, dtype: np.dtype[Any]) -> Image:
    """The values, which may change, rounded and limited where the type needs it."""
    if dtype.kind == "u":
        np.clip(values, 0, np.float32(_white(dtype)), out=values)
        np.rint(values, out=values)
    return values.astype(dtype, copy=False)


# -- files --------------------------------------------------------------------------------------


def _change_files(source: Path, out: Path, change: Callable[[Image, int], Image]) -> int:
    """Write `change` of each image file and its place among them; return their number."""
    refuse_target(out, source)
    headers = [read_header(path) for path in list_images(source)]

    def changed(place: int) -> Image:
        image = decode(headers[place])
        try:
            return change(image, place)
        except DataError as error:
            raise DataError(f"{headers[place].path}: {error}") from error

    if not source.is_dir():
        _check_file(out, headers[0])
        with atomic_file(out) as temporary:
            write_image(temporary, changed(0))
        return 1
    if out.suffix.lower() in FILES:
        raise SettingError(f"A folder of images is written to a folder, not to '{out}'.")
    names = _names(source, headers)
    with atomic_folder(out) as folder:
        for place, name in enumerate(names):
            write_image(folder / name, changed(place))
    return len(names)


def _check_file(out: Path, header: ImageHeader) -> None:
    suffix = out.suffix.lower()
    if suffix not in _SUFFIXES:
        raise SettingError(f"An image is written to {' or '.join(_SUFFIXES)}, not to '{out}'.")
    if suffix == ".png" and header.dtype.kind == "f":
        raise SettingError(
            f"{header.path} holds floating point numbers, which '{out}' cannot; write to .tif."
        )


def _names(source: Path, headers: list[ImageHeader]) -> list[PurePosixPath]:
    """Where each image is written within the folder."""
    taken: dict[PurePosixPath, PurePosixPath] = {}
    for header in headers:
        name = PurePosixPath(header.path.relative_to(source).as_posix())
        target = name if name.suffix.lower() in _SUFFIXES else name.with_suffix(".png")
        if target in taken:
            raise DataError(f"'{taken[target]}' and '{name}' would both become {target}; move one.")
        taken[target] = name
    return list(taken)


def write_image(path: Path, image: Image) -> None:
    """Write ``(H, W)`` or ``(3, H, W)`` as what the suffix says, without loss."""
    import imagecodecs
    import tifffile

    colour = image.ndim == 3
    pixels = np.ascontiguousarray(np.moveaxis(image, 0, -1) if colour else image)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".png":
        path.write_bytes(imagecodecs.png_encode(pixels))
    else:
        kind = "rgb" if colour else "minisblack"
        tifffile.imwrite(path, pixels, photometric=kind, compression="zlib", metadata=None)
