"""How far apart the surfaces of two masks are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError
from isthmus.metrics.overlap import check_shapes


class SurfaceDistances(NamedTuple):
    """Distances between the surfaces of a predicted mask and its reference, in units of spacing.

    Of a structure absent from both every measure is NaN. Where one is empty, for a structure that
    is missed or a false positive on an empty reference, the distance is infinite: the diagonal of
    the image stands for it, and the boundary F is 0.

    Attributes
    ----------
    of_prediction
        From each surface pixel of the prediction to the nearest of the reference.
    of_reference
        The other way round.
    """

    of_prediction: NDArray[np.float64]
    of_reference: NDArray[np.float64]

    def hausdorff(self, percentile: float = 95) -> float:
        """The greater of both directions' percentiles: HD95 by default, HD at 100.

        Source: Huttenlocher et al. 1993.
        """
        return max(float(np.percentile(d, percentile)) for d in self._directions())

    def average(self) -> float:
        """Average symmetric surface distance: the mean over the surface pixels of both."""
        return float(np.concatenate(self._directions()).mean())

    def boundary_f(self, tolerance: float) -> float:
        """2PR / (P + R), P and R the shares of both surfaces within `tolerance` of the other.

        Source: Martin et al. 2004; Csurka et al. 2013 (BF score).
        """
        shares = [float((d <= tolerance).mean()) for d in self if d.size]
        if len(shares) < 2:
            return 0.0 if shares else np.nan
        return 2 * shares[0] * shares[1] / sum(shares) if any(shares) else 0.0

    def _directions(self) -> list[NDArray[np.float64]]:
        return [d for d in self if d.size] or [np.array([np.nan])]


def surface_distances(
    prediction: NDArray[Any], reference: NDArray[Any], spacing: Sequence[float] | None = None
) -> SurfaceDistances:
    """Distances between the surfaces of two masks ``(H, W)`` or ``(D, H, W)``.

    The surface of a mask is its pixels that share a side with a pixel outside of it or with the
    edge of the image; distances go from centre to centre.

    Parameters
    ----------
    spacing
        Size of a pixel along each axis, (row, column) for images; 1 by default.

    Raises
    ------
    DataError
        If the shapes differ, or there is not one spacing for each axis.
    """
    from scipy.ndimage import binary_erosion, distance_transform_edt, find_objects

    p, r = np.asarray(prediction, bool), np.asarray(reference, bool)
    check_shapes(p, r)
    sizes = np.ones(p.ndim) if spacing is None else np.asarray(spacing, np.float64)
    if sizes.shape != (p.ndim,) or not (sizes > 0).all():
        raise DataError(
            f"Masks of {p.ndim} axes need {p.ndim} positive spacings, not {spacing!r};"
            " give the size of a pixel along each axis."
        )
    if not (p.any() and r.any()):
        diagonal = np.linalg.norm(sizes * p.shape)
        return SurfaceDistances(*(np.full(int(mask.any()), diagonal) for mask in (p, r)))
    box = find_objects((p | r).astype(np.int8))[0]
    surfaces = [mask[box] & ~binary_erosion(mask[box]) for mask in (p, r)]
    to_p, to_r = (distance_transform_edt(~surface, sizes) for surface in surfaces)
    return SurfaceDistances(to_r[surfaces[0]], to_p[surfaces[1]])
