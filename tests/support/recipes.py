"""A recipe that trains in no time."""

RECIPE = """
title = "T"
description = "D."
[data]
[model]
kind = "autoencoder"
code_size = 2
network = { kind = "dense", hidden_sizes = [8] }
[training]
epochs = 2
"""
