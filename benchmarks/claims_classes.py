"""Claims about codes and classes: drawn together, or learnt layer by layer for a classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from claims_common import (
    CYCLE,
    Array,
    Codes,
    Components,
    Pixels,
    Table,
    Trial,
    interval,
    percent,
)
from scipy.spatial.distance import pdist
from sklearn.svm import SVC

from isthmus.inference import in_batches
from isthmus.metrics import class_scatter, kmeans_clusters, matched_accuracy
from isthmus.models import Autoencoder, ClassEncoder, StackedAutoencoder


def classes(trial: Trial) -> Table:
    """A class-encoder draws the codes of a class together; images of a class are alike anyway.

    Measured on test images: scatter of codes within classes over scatter between them, mean
    distance of two codes of the same class over that of two codes of different classes (2,000
    images), accuracy of k-means with as many clusters as classes (5,000 images; it sees no labels),
    and of a linear probe on 5,000 codes.
    """
    settings: dict[str, Any] = {
        "code_size": 32,
        "network": {"kind": "dense", "hidden_sizes": [512, 256], "activation": "silu"},
        "epochs": 15,
        "batch_size": 250,
        "learning_rate": 1e-3,
        "optimizer": "adamw",
        "schedule": CYCLE,
    }
    only_softmax = StackedAutoencoder(
        **{**settings, "epochs": 0}, pretraining_epochs=0, classifier_epochs=15
    )
    models = {
        "plain autoencoder": trial.fit(Autoencoder(**settings)),
        "class-encoder": trial.fit(ClassEncoder(**settings)),
        "class-encoder, softmax weight 1": trial.fit(
            ClassEncoder(classification_weight=1.0, **settings)
        ),
        "class-encoder, softmax weight 30": trial.fit(
            ClassEncoder(classification_weight=30.0, **settings)
        ),
        "softmax alone": [_classifier_codes(model) for model in trial.fit(only_softmax)],
    }
    labels, few, more = trial.test_labels, slice(2_000), slice(5_000)
    count, labelled = len(np.unique(trial.train_labels)), min(5_000, len(trial.train))
    rows = []
    for name, fitted in {
        "raw pixels": [Pixels()],
        "PCA, 32": [Components(trial.train, 32)],
        **models,
    }.items():
        codes = [model.transform(trial.test) for model in fitted]
        scatters = [class_scatter(code, labels) for code in codes]
        ratios = [within / between for within, between in scatters]
        distances = [_distance_ratio(code[few], labels[few]) for code in codes]
        clustered = [
            matched_accuracy(labels[more], kmeans_clusters(code[more], count, seed))
            for seed, code in enumerate(codes)
        ]
        probes = [trial.probe(model, labelled) for model in fitted]
        cells = [str(interval(ratios)), str(interval(distances))]
        rows.append([name, *cells, percent(clustered), percent(probes)])
    note = (
        f"{len(trial.train):,} training images; 784-512-256-32, SiLU, squared error, 15 epochs of"
        " batches of 250 by AdamW at 0.001, bf16. All but the first three rows use all labels in"
        " training."
    )
    columns = ["codes", "scatter within / between", "distance within / between"]
    return Table([*columns, "k-means, %", "probe, %"], rows, note)


def _classifier_codes(model: Any) -> Codes:
    """The code below the softmax layer of a stacked autoencoder."""
    encoder = model.classifier_network_.eval()
    return Codes(lambda images: in_batches(encoder.encode, torch.tensor(images).split(1_000)))


def _distance_ratio(codes: Array, labels: Array) -> float:
    """Mean distance of two codes of one class over that of two codes of different classes."""
    distances = pdist(codes)
    first, second = np.triu_indices(len(codes), 1)
    same = labels[first] == labels[second]
    return float(distances[same].mean() / distances[~same].mean())


def stacked(trial: Trial) -> Table:
    """Layers trained one by one give codes on which any classifier does well.

    Measured: accuracy of logistic regression and of a support vector machine (RBF kernel) on codes
    and on raw pixels, for 500 and 5,000 labels, and of a softmax layer trained together with the
    encoder, with and without the layers' own training before.
    """
    many = min(5_000, len(trial.train))
    settings: dict[str, Any] = {
        "code_size": 50,
        "network": {
            "kind": "dense",
            "hidden_sizes": [500, 250],
            "activation": "sigmoid",
            "output_activation": "sigmoid",
        },
        "corruption": {"kind": "masking", "fraction": 0.25},
        "loss": "binary_cross_entropy",
        "learning_rate": 2e-3,
        "schedule": CYCLE,
    }
    unlabelled = {"pretraining_epochs": 5, "epochs": 5, "batch_size": 100, "classifier": None}
    layered = {"pretraining_epochs": 10, "epochs": 10, "classifier_epochs": 30}
    direct = {"pretraining_epochs": 0, "epochs": 0, "classifier_epochs": 30}
    codes = trial.fit(StackedAutoencoder(**unlabelled, **settings))
    rows = []
    for name, fitted in {"raw pixels": [Pixels()], "codes": codes}.items():
        linear = [percent([trial.probe(model, n) for model in fitted]) for n in (500, many)]
        rows.append([f"logistic regression on {name}", *linear])
        vectors = [percent([_svm(trial, model, n) for model in fitted]) for n in (500, many)]
        rows.append([f"support vector machine on {name}", *vectors])
    for name, whole in {
        "softmax, encoder not trained before": direct,
        "softmax, encoder trained layer by layer": layered,
    }.items():
        models = [
            trial.first(n).fit(StackedAutoencoder(batch_size=n // 50, **whole, **settings))
            for n in (500, many)
        ]
        hits = [[model.predict(trial.test) == trial.test_labels for model in m] for m in models]
        rows.append([name, *map(percent, hits)])
    note = (
        "784-500-250-50, sigmoid layers, a quarter of the inputs masked, binary cross-entropy, Adam"
        f" at 0.002, bf16. Codes are those of {len(trial.train):,} images without labels, 5 epochs"
        " for each layer and 5 for the whole, batches of 100; the networks of the last two rows see"
        " the labelled images only, 10 and 10 epochs, 30 of the softmax layer, 50 steps each."
    )
    return Table(["classifier", "500 labels, %", f"{many:,} labels, %"], rows, note)


def _svm(trial: Trial, coder: Any, labelled: int) -> Array:
    """Hits of a support vector machine on codes."""
    train, test = (coder.transform(images) for images in (trial.train[:labelled], trial.test))
    machine = SVC(C=10).fit(train, trial.train_labels[:labelled])
    return np.asarray(machine.predict(test) == trial.test_labels)
