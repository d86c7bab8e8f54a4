"""Trained models behind HTTP: the Open Inference Protocol v2, and plain routes for pictures."""
