"""What is usual of label maps: neighbours, pieces, holes, rings, and which structures there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isthmus.core.errors import DataError

Labels = NDArray[Any]
_TOUCHING = np.ones((3, 3))  # pixels of one piece share a side or a corner


class Finding(NamedTuple):
    """What is wrong with a label map.

    Attributes
    ----------
    kind
        ``"hole"``, ``"broken ring"``, ``"island"``, ``"neighbours"`` or ``"missing"``.
    sentence
        With the names of the structures.
    """

    kind: str
    sentence: str


@dataclass(frozen=True)
class ShapeRules:
    """Rules that label maps of K classes keep, learnt from maps that are good.

    Each is kept by all but a share `rare` of those. Class 0 is the background.

    Attributes
    ----------
    names : tuple of str
        Of the classes.
    apart : ndarray of bool, ``(K, K)``
        Which classes never touch, though some map holds both.
    pieces : ndarray of int, ``(K,)``
        Most connected pieces of each class.
    holes : ndarray of int, ``(K, K)``
        [a, b]: most holes of the class a that are filled mainly by the class b.
    ring : ndarray of bool, ``(K, K)``
        [a, b]: whether the class b encloses the class a.
    lacking : ndarray of int, ``(K,)``
        Most pixels of all structures together in maps that lack the class; -1 if none lacks it.
    """

    names: tuple[str, ...]
    apart: NDArray[np.bool_]
    pieces: NDArray[np.int64]
    holes: NDArray[np.int64]
    ring: NDArray[np.bool_]
    lacking: NDArray[np.int64]

    @classmethod
    def learn(
        cls, maps: NDArray[Any], names: tuple[str, ...], *, rare: float = 0.005
    ) -> ShapeRules:
        """The rules of good label maps ``(N, H, W)`` with the labels 0, ..., K - 1.

        Raises
        ------
        DataError
            If there are none.
        """
        if not len(maps):
            raise DataError("There are no label maps to learn rules from; give at least one.")
        count = len(names)
        seen = [_Seen.of(labels, count) for labels in maps]
        there = np.array([one.sizes > 0 for one in seen])
        touching = np.array([one.touching for one in seen])
        together = (there[:, :, None] & there[:, None]).any(0)
        enclosing = np.array([one.enclosing for one in seen])
        lacking = np.full(count, -1)
        for label in range(1, count):
            sizes = np.array([one.sizes[1:].sum() for one in seen])[~there[:, label]]
            if len(sizes) > rare * len(seen):
                lacking[label] = _most(sizes, rare)
        usual = np.zeros((count, count), np.bool_)
        for inner in range(1, count):
            held = enclosing[there[:, inner], inner]
            usual[inner] = (held.mean(0) >= 1 - rare) if len(held) else False
        usual[:, 0] = False
        return cls(
            names=names,
            apart=together & (touching.mean(0) <= rare) & ~np.eye(count, dtype=bool),
            pieces=_most(np.array([one.pieces for one in seen]), rare),
            holes=_most(np.array([one.holes for one in seen]), rare),
            ring=usual,
            lacking=lacking,
        )

    def findings(self, labels: Labels) -> list[Finding]:
        """What is wrong with a label map ``(H, W)``, by the rules."""
        seen = _Seen.of(labels, len(self.names))
        found = []
        for a, name in enumerate(self.names[1:], 1):
            if not seen.sizes[a]:
                if a in self.missing(labels):
                    found.append(Finding("missing", f"no {name}"))
                continue
            if seen.pieces[a] > self.pieces[a]:
                found.append(Finding("island", f"{name} in {seen.pieces[a]} pieces"))
            if (seen.holes[a] > self.holes[a]).any():
                found.append(Finding("hole", f"hole in {name}"))
            found += [
                Finding("broken ring", f"{other} does not enclose {name}")
                for b, other in enumerate(self.names)
                if self.ring[a, b] and not seen.enclosing[a, b]
            ]
            found += [
                Finding("neighbours", f"{name} touches {self.names[b]}")
                for b in range(a)
                if self.apart[a, b] and seen.touching[a, b]
            ]
        return found

    def missing(self, labels: Labels) -> list[int]:
        """The structures that a label map ``(H, W)`` lacks and should have."""
        sizes = np.bincount(np.ravel(labels), minlength=len(self.names))
        lacks = (sizes == 0) & (sizes[1:].sum() > self.lacking)
        return (np.flatnonzero(lacks[1:]) + 1).tolist()

    def mended(self, labels: Labels) -> Labels:
        """A label map without small pieces and holes beyond those that are usual.

        A piece becomes what most of its surroundings are, and so does a hole.
        """
        labels = np.array(labels)
        for label in range(1, len(self.names)):
            pieces = _parts(labels == label, _TOUCHING)
            for piece in pieces[self.pieces[label] :] if self.pieces[label] else []:
                labels[piece] = _around(labels, piece)
            for content in range(len(self.names)):
                holes = [hole for hole in _holes(labels, label) if _main(labels[hole]) == content]
                for hole in holes[self.holes[label, content] :]:
                    labels[hole] = label
        return labels


class _Seen(NamedTuple):
    """What is counted in one label map, see `ShapeRules`; `sizes` are in pixels."""

    sizes: NDArray[np.int64]
    touching: NDArray[np.bool_]
    pieces: NDArray[np.int64]
    holes: NDArray[np.int64]
    enclosing: NDArray[np.bool_]

    @classmethod
    def of(cls, labels: Labels, count: int) -> _Seen:
        from scipy.ndimage import label

        labels = np.asarray(labels, np.int64)
        sizes = np.bincount(labels.ravel(), minlength=count)
        touching = np.zeros((count, count), np.bool_)
        for first, second in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
            touching[first.ravel(), second.ravel()] = True
        pieces = np.zeros(count, np.int64)
        holes = np.zeros((count, count), np.int64)
        enclosing = np.zeros((count, count), np.bool_)
        for one in (np.flatnonzero(sizes[1:]) + 1).tolist():
            pieces[one] = label(labels == one, _TOUCHING)[1]
            within = np.zeros(count, np.int64)
            for hole in _holes(labels, one):
                counts = np.bincount(labels[hole], minlength=count)
                holes[one, counts.argmax()] += 1
                within += counts
            enclosing[:, one] = (within == sizes) & (sizes > 0)
        return cls(sizes, touching | touching.T, pieces, holes, enclosing)


def _parts(mask: NDArray[np.bool_], structure: Any = None) -> list[NDArray[np.bool_]]:
    """Connected pieces of a mask, the largest first."""
    from scipy.ndimage import label

    numbers, count = label(mask, structure)
    sizes = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
    return [numbers == place + 1 for place in np.argsort(-sizes, kind="stable")]


def _holes(labels: Labels, label: int) -> list[NDArray[np.bool_]]:
    """What a class encloses: pieces of all others, by sides, that the edge of the map has not."""
    box = np.pad(labels != label, 1, constant_values=True)
    around = _parts(box)
    return [part[1:-1, 1:-1] for part in around if not part[0, 0]]


def _main(values: Labels) -> int:
    return int(np.bincount(values).argmax())


def _around(labels: Labels, piece: NDArray[np.bool_]) -> int:
    """The label that most pixels around a piece have."""
    from scipy.ndimage import binary_dilation

    return _main(labels[binary_dilation(piece, _TOUCHING) & ~piece])


def _most(counts: NDArray[Any], rare: float) -> Any:
    """What all but a share `rare` of counts ``(N, ...)`` do not exceed."""
    return np.quantile(counts, 1 - rare, axis=0, method="higher").astype(np.int64)
