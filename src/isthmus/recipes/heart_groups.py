"""The disease of a patient's heart, from codes of its label maps and from what is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from isthmus.core.errors import DataError
from isthmus.data.label_maps import one_hot, resized_map
from isthmus.metrics import (
    Estimate,
    bootstrap_mean,
    ejection_fraction,
    volumes_ml,
    wall_thickness,
)

Array = NDArray[Any]
PHASES = ("ED", "ES")


class Stack(NamedTuple):
    """Slices of one heart at the end of diastole (ED) or of systole (ES).

    Attributes
    ----------
    patient, group, phase
        The group is the disease.
    maps
        Label maps ``(S, H, W)``.
    pixel_mm, slice_mm
        Side of a pixel and distance of the slices; 1 where they are not known, so that volumes are
        in a unit of their own.
    """

    patient: str
    group: str
    phase: str
    maps: Array
    pixel_mm: float = 1.0
    slice_mm: float = 1.0


class HeartFeatures(NamedTuple):
    """Features of patients, a row for each.

    Attributes
    ----------
    patients, groups
        ``(P,)``.
    codes
        Mean codes of the slices in diastole, then in systole: ``(P, 2 m)``.
    measures
        By name ``(P,)``: volumes, ejection fractions, wall thickness.
    """

    patients: Array
    groups: Array
    codes: Array
    measures: dict[str, Array]


def stacks_of(maps: Array, facts: Sequence[Mapping[str, Any]]) -> list[Stack]:
    """Stacks of label maps ``(N, H, W)`` by their rows of the index, see `isthmus.data.acdc`."""
    keys = [(row["patient"], row["group"], row["phase"]) for row in facts]
    stacks = []
    for key in sorted(set(keys)):
        rows = [place for place, other in enumerate(keys) if other == key]
        pixel_mm, slice_mm = (float(facts[rows[0]][name]) for name in ("pixel_mm", "slice_mm"))
        patient, group, phase = map(str, key)
        stack = Stack(patient, group, phase, np.asarray(maps)[rows], pixel_mm, slice_mm)
        stacks.append(stack)
    return stacks


def heart_features(
    stacks: Sequence[Stack],
    names: Sequence[str],
    model: Any = None,
    *,
    cavity: int | None = None,
    wall: int | None = None,
) -> HeartFeatures:
    """Features of patients of whom both phases are there.

    Of each structure the volumes in both phases and the ejection fraction; of a wall around a
    cavity its mean and greatest thickness in diastole.

    Parameters
    ----------
    names
        Of the classes, the background first.
    model
        Autoencoder of one-hot maps for `HeartFeatures.codes`; without one there are none.
    cavity, wall
        Labels; None where there is no wall.

    Raises
    ------
    DataError
        If a patient lacks a phase.
    """
    by_patient: dict[str, dict[str, Stack]] = {}
    for stack in stacks:
        by_patient.setdefault(stack.patient, {})[stack.phase] = stack
    rows, codes, groups = [], [], []
    for patient, phases in by_patient.items():
        lacking = set(PHASES) - phases.keys()
        if lacking:
            raise DataError(f"{patient} has no label maps of {lacking.pop()}; leave it out.")
        both = [phases[phase] for phase in PHASES]
        rows.append(_measures(both[0], both[1], names, cavity, wall))
        codes.append(np.concatenate([_mean_code(model, one, len(names)) for one in both]))
        groups.append(both[0].group)
    measures = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    return HeartFeatures(np.array([*by_patient]), np.array(groups), np.array(codes), measures)


def tell_groups(
    features: Mapping[str, Array], groups: Array, *, folds: int = 5, repeats: int = 3, seed: int = 0
) -> dict[str, dict[str, Estimate]]:
    """Accuracy by which patients' groups are told, by features and classifier.

    Cross-validated by patient, `repeats` times with other folds; a patient's value is the share of
    the times that he was told rightly by classifiers that had not seen him. The interval is over
    patients. ``"chance"`` is the most frequent group.

    Parameters
    ----------
    features
        By name ``(P, n)``, a row for each patient.
    groups
        ``(P,)``.

    Raises
    ------
    DataError
        If a group has fewer patients than there are folds.
    """
    names, counts = np.unique(groups, return_counts=True)
    if counts.min() < folds:
        raise DataError(
            f"The group {names[counts.argmin()]} has {counts.min()} patients, too few for {folds}"
            " folds; give fewer folds."
        )
    table = {
        name: {
            kind: _accuracy(one, values, groups, folds, repeats, seed)
            for kind, one in _classifiers(seed).items()
        }
        for name, values in features.items()
    }
    table["chance"] = {"most frequent": bootstrap_mean(groups == names[counts.argmax()])}
    return table


def _classifiers(seed: int) -> dict[str, Any]:
    return {
        "logistic regression": make_pipeline(
            StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)
        ),
        "random forest": RandomForestClassifier(200, random_state=seed),
    }


def _accuracy(
    classifier: Any, values: Array, groups: Array, folds: int, repeats: int, seed: int
) -> Estimate:
    right = [
        cross_val_predict(
            classifier,
            values,
            groups,
            cv=StratifiedKFold(folds, shuffle=True, random_state=seed + repeat),
        )
        == groups
        for repeat in range(repeats)
    ]
    return bootstrap_mean(np.mean(right, axis=0))


def _measures(
    full: Stack, empty: Stack, names: Sequence[str], cavity: int | None, wall: int | None
) -> dict[str, float]:
    at_end = [volumes_ml(one.maps, len(names), one.pixel_mm, one.slice_mm) for one in (full, empty)]
    found: dict[str, float] = {}
    for label, name in enumerate(names[1:], 1):
        volumes = [float(one[label]) for one in at_end]
        found |= {f"{name} {phase}": v for phase, v in zip(PHASES, volumes, strict=True)}
        if label != wall:
            found[f"{name} ejection fraction"] = ejection_fraction(*volumes)
    if cavity is not None and wall is not None:
        slices = [wall_thickness(one, cavity, wall, full.pixel_mm) for one in full.maps]
        thickness = np.concatenate(slices)
        found["wall, mean"] = float(thickness.mean()) if thickness.size else 0.0
        found["wall, greatest"] = float(thickness.max()) if thickness.size else 0.0
    return found


def _mean_code(model: Any, stack: Stack, classes: int) -> Array:
    if model is None:
        return np.zeros(0)
    size = tuple(model.sample_shape_[-2:])
    maps = np.stack([resized_map(one, (size[0], size[1]), classes) for one in stack.maps])
    return np.asarray(model.transform(one_hot(maps, classes)).mean(0))
