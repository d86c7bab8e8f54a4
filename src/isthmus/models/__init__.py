"""What users import: estimators with scikit-learn's conventions, saving and loading."""

from isthmus.models._base import MODELS
from isthmus.models._files import load
from isthmus.models.autoencoder import Autoencoder
from isthmus.models.linear import LinearAutoencoder

__all__ = ["MODELS", "Autoencoder", "LinearAutoencoder", "load"]
