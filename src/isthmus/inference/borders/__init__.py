"""Ways to tell touching objects apart: from objects to pixel classes, and back to a relief."""

from isthmus.inference.borders import border_class, distance
from isthmus.inference.borders._base import BORDERS, Borders, Relief

__all__ = ["BORDERS", "Borders", "Relief", "border_class", "distance"]
