"""A comparison that is trained in a second."""

from __future__ import annotations

from isthmus.recipes.comparison import Comparison, parse_comparison

TEXT = """
title = "Two models"
description = "To test with."
seeds = [3, 5]

[data]
source = "digits"
test = 0.1
limit = 400

[shared]
code_size = 8
scaling = { kind = "unit", low = 0, high = 16 }
network = { kind = "one_layer", output_activation = "sigmoid" }
epochs = 1
batch_size = 64
learning_rate = 0.01
classification_weight = 2.0

[models.plain]
kind = "autoencoder"

[models.few-units]
kind = "sparse_autoencoder"
method = "l1"
network = { tied = true }

[models.by-class]
kind = "class_encoder"
"""


NEIGHBOURHOODS = ["trustworthiness", "continuity"]


def parse(*changes: str, text: str = TEXT) -> Comparison:
    return parse_comparison(text, "two", changes)
