"""A model scored beside its baselines on the same samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from isthmus.data import DataSet
from isthmus.data.fingerprint import fingerprint
from isthmus.metrics import METRICS, continuity, overlap_counts, principal_angles, trustworthiness
from isthmus.metrics.codes import active_units, class_scatter, dead_units, linear_probe
from isthmus.metrics.overlap import nan_mean
from isthmus.recipes.evaluation import Evaluation
from isthmus.recipes.inputs import told
from isthmus.recipes.restoration import restored_by_each, restored_files

Array = NDArray[Any]
_TRAINING_CASES = 10_000  # training samples at most whose error and codes are looked at
_LIKELIHOOD_VALUES = 2**14  # of a sample at most whose likelihood is estimated
_NEIGHBOURHOOD = 2_000  # test samples at most whose neighbours are looked for
_PROBED = 5_000  # training samples at most from which a linear probe learns
Codes = dict[str, tuple[Array, Array]]  # of training and test samples, by method


def evaluate(model: Any, train: DataSet, test: DataSet, part: str = "test") -> Evaluation:
    """Score a fitted model on test samples beside its baselines.

    All errors are those of the scaled samples, in which the loss is measured. The baselines are
    fitted to the training samples: PCA of the same code size, the same network untrained, and the
    mean sample. A denoising autoencoder restores corrupted samples, beside the corrupted samples
    themselves, linear ridge regression and classical filters. Where classes are known, a linear
    probe on the codes tells how well they can be told apart. A variational autoencoder's likelihood
    is estimated, unless the samples are large. Of label maps the Dice of each structure is given.

    Parameters
    ----------
    train, test
        Samples as the model takes them, with their labels and groups.
    part
        What the test samples are to the model, see `Evaluation`.
    """
    target = scaled(model, test.samples)
    facts: dict[str, float] = {}
    codes: Codes = {}
    if model.restores:
        outputs = restored_by_each(model, scaled(model, train.samples), target)
    else:
        outputs, codes, facts = _rebuilt_by_each(model, train, test)
    values = score(target, outputs)
    if test.structures is not None:
        for method, columns in values.items():
            columns |= dice_of_maps(target, outputs[method], tuple(test.structures))
    labels = _labels(train, test)
    if labels is not None and not model.restores:
        for method, (of_train, of_test) in codes.items():
            predicted = linear_probe(of_train, labels[0][:_PROBED], of_test)
            values[method]["probe_accuracy"] = METRICS.build("probe_accuracy")(labels[1], predicted)
        facts |= _shares_of_scatter(model, test.samples, labels[1])
    facts |= _neighbourhoods(target, {method: of_test for method, (_, of_test) in codes.items()})
    if labels is not None and (
        hasattr(model, "classifier_") or hasattr(model, "classifier_network_")
    ):
        predicted = model.predict(test.samples)
        values["model"]["accuracy"] = METRICS.build("accuracy")(labels[1], predicted)
    if getattr(model, "has_likelihood", False) and _is_distributed(model, target):
        likelihoods = METRICS.build("negative_log_likelihood")
        for method, one in (("model", model), ("untrained network", model.untrained())):
            found = one.log_likelihood(*told(one, test))
            values[method]["negative_log_likelihood"] = likelihoods(test.samples, found)
    errors = {method: columns["squared_error"].sum() for method, columns in values.items()}
    if errors["mean sample"] > 0:
        facts["explained variance"] = float(1 - errors["model"] / errors["mean sample"])
    return Evaluation(values, test.groups, fingerprint(target), facts, part)


def evaluate_files(model: Any, source: str) -> Evaluation:
    """Score a denoising autoencoder on image files of any sizes, each restored in its own.

    As `evaluate`, but without the baselines that need samples of one shape. The corrupted images
    are in [0, 1].
    """
    values: dict[str, dict[str, list[Array]]] = {}
    prints = []
    for target, outputs in restored_files(model, source):
        prints.append(fingerprint(target))
        for method, columns in score(target, outputs).items():
            for kind, column in columns.items():
                values.setdefault(method, {}).setdefault(kind, []).append(column)
    joined = {
        method: {kind: np.concatenate(parts) for kind, parts in columns.items()}
        for method, columns in values.items()
    }
    of_all = fingerprint(np.frombuffer("".join(prints).encode(), np.uint8))
    return Evaluation(joined, None, of_all, {}, "other")


def score(target: Array, outputs: dict[str, Array]) -> dict[str, dict[str, Array]]:
    """Per-sample values of every metric that applies, by method."""
    unit = float(target.min()) >= 0 and float(target.max()) <= 1
    metrics = {
        kind: METRICS.build(kind)
        for kind in METRICS
        if METRICS[kind].of == "samples"
        if (unit or not METRICS[kind].unit_range) and METRICS[kind].applies(target.shape[1:])
    }
    return {
        method: {kind: metric(target, output) for kind, metric in metrics.items()}
        for method, output in outputs.items()
    }


def dice_of_maps(target: Array, output: Array, names: Sequence[str]) -> dict[str, Array]:
    """Dice by structure of one-hot maps ``(N, K, H, W)`` and what is rebuilt of them, and the mean.

    The class of a pixel is the channel with the greatest value. Structures that are in neither have
    no value.
    """
    wanted, found = target.argmax(1), output.argmax(1)
    dice = {
        f"dice/{name}": np.array(
            [overlap_counts(f == k, w == k).dice for f, w in zip(found, wanted, strict=True)]
        )
        for k, name in enumerate(names)
        if k
    }
    mean = np.array([nan_mean(case) for case in np.transpose([*dice.values()])])
    return {"dice": mean, **dice} if len(dice) > 1 else {"dice": mean}


def facts_of_fitting(model: Any, train: DataSet, validation: DataSet) -> dict[str, float]:
    """Errors on training samples, for comparison with the test error, and what the code is like.

    Nothing of a model that restores corrupted samples, whose code is not looked at.
    The pixel accuracy on the validation samples is the "validation accuracy" of lecture note 001.
    """
    if model.restores:
        return {}
    some = train.subset(np.arange(min(len(train), _TRAINING_CASES)))
    errors = -model.score_samples(*told(model, some))
    facts = {"squared error on training samples": float(errors.mean())}
    codes = np.asarray(model.transform(some.samples))
    facts["active code units per sample"] = float(active_units(codes, codes).mean())
    facts["dead code units"] = float(dead_units(codes))
    if hasattr(model, "posterior"):
        divergences = model.posterior(some.samples).kl.mean(0)
        facts["divergence from N(0, I), nats per sample"] = float(divergences.sum())
        facts["code units that say nothing (below 0.01 nats)"] = float((divergences < 0.01).sum())
    if model.network_.code_activation.code_range == (0.0, 1.0):
        facts["mean activation of the code"] = float(codes.mean())
    if len(validation):
        target = scaled(model, validation.samples)
        outputs = {"model": scaled(model, model.reconstruct(*told(model, validation)))}
        shares = score(target, outputs)["model"].get("pixel_accuracy")
        if shares is not None:
            facts["pixel accuracy on validation samples"] = float(shares.mean())
    return facts


def scaled(model: Any, samples: Array) -> NDArray[np.float32]:
    """Samples ``(N, ...)`` float32 in the units in which the model's loss is measured."""
    return np.asarray(model.scaling_.apply(np.asarray(samples, np.float32)), np.float32)


def _rebuilt_by_each(
    model: Any, train: DataSet, test: DataSet
) -> tuple[dict[str, Array], Codes, dict[str, float]]:
    """Reconstructions of the scaled test samples by method; codes of both sets; facts found."""
    flat_train, flat_test = (
        scaled(model, part.samples).reshape(len(part), -1) for part in (train, test)
    )
    mean = np.broadcast_to(flat_train.mean(0), flat_test.shape)
    pca = _fit_pca(flat_train, model.code_mean_.size)
    untrained = model.untrained()
    some = train.samples[:_PROBED]
    outputs = {
        "model": scaled(model, model.reconstruct(*told(model, test))),
        "PCA": mean if pca is None else pca.inverse_transform(pca.transform(flat_test)),
        "untrained network": scaled(untrained, untrained.reconstruct(*told(untrained, test))),
        "mean sample": mean,
    }
    codes = {
        method: (np.asarray(one.transform(some)), np.asarray(one.transform(test.samples)))
        for method, one in (("model", model), ("untrained network", untrained))
    }
    codes |= {
        "mean sample": (np.zeros((len(some), 1)), np.zeros((len(test), 1))),
    }
    if pca is not None:
        codes["PCA"] = (pca.transform(flat_train[:_PROBED]), pca.transform(flat_test))
    facts: dict[str, float] = {}
    smaller = pca is not None and pca.n_components_ < min(flat_train.shape)
    if model.network_.kind == "linear" and smaller:
        angles = _angles_to_pca(model.network_.decoder[0].weight, pca)
        facts["greatest principal angle to PCA, degrees"] = float(angles.max())
        facts["mean principal angle to PCA, degrees"] = float(angles.mean())
    shaped = {method: output.reshape(test.samples.shape) for method, output in outputs.items()}
    return shaped, codes, facts


def _fit_pca(flat_train: Array, units: int) -> Any:
    """PCA of at most so many units; ``None`` where all samples are alike."""
    if not np.ptp(flat_train, axis=0).any():
        return None
    return PCA(min(units, *flat_train.shape), random_state=0).fit(flat_train)


def _angles_to_pca(weight: Any, pca: Any) -> NDArray[np.float64]:
    columns = weight.detach().cpu().numpy()
    if len(columns) != pca.n_features_in_:  # tied: the weights are the encoder's
        columns = columns.T
    return principal_angles(columns, pca.components_.T)


def _labels(train: DataSet, test: DataSet) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Labels of both sets, where both are labelled by the same names."""
    if train.labels is None or test.labels is None or train.class_names != test.class_names:
        return None
    return train.labels, test.labels


def _is_distributed(model: Any, target: Array) -> bool:
    """Whether samples are what a likelihood is of, for a cross-entropy zeros and ones, and small.

    Each is decoded some hundred times.
    """
    kind = model.settings_["loss"]["kind"]
    if math.prod(target.shape[1:]) > _LIKELIHOOD_VALUES:
        return False
    return kind == "squared_error" or bool(((target == 0) | (target == 1)).all())


def _neighbourhoods(target: Array, codes: dict[str, Array]) -> dict[str, float]:
    """How well the codes of the model, and of PCA, keep the neighbourhoods of some samples."""
    some = slice(_NEIGHBOURHOOD)
    if len(target[some]) <= 20:
        return {}
    measures = {"trustworthiness": trustworthiness, "continuity": continuity}
    whose = {"model": "", "PCA": " of PCA"}
    return {
        f"{name} of the codes{whose[method]}": measure(target[some], codes[method][some])
        for name, measure in measures.items()
        for method in whose
        if method in codes
    }


def _shares_of_scatter(model: Any, samples: Array, labels: NDArray[np.int64]) -> dict[str, float]:
    """How much of the scatter lies within the classes, before and after encoding."""
    shares = {}
    flat = scaled(model, samples).reshape(len(samples), -1)
    for name, points in (("samples", flat), ("codes", np.asarray(model.transform(samples)))):
        within, between = class_scatter(points, labels)
        if within + between > 0:
            shares[f"share of the scatter of {name} within classes"] = within / (within + between)
    return shares
