"""What users import: estimators with scikit-learn's conventions, saving and loading."""

from isthmus.models._base import MODELS
from isthmus.models._files import model_fingerprint
from isthmus.models._loading import load
from isthmus.models.autoencoder import Autoencoder
from isthmus.models.cascade import Cascade
from isthmus.models.class_encoder import ClassEncoder
from isthmus.models.contractive import ContractiveAutoencoder
from isthmus.models.denoising import DenoisingAutoencoder
from isthmus.models.ensemble import Ensemble, VolumeEnsemble
from isthmus.models.exporting import export_onnx
from isthmus.models.instance_segmenter import InstanceSegmenter
from isthmus.models.linear import LinearAutoencoder
from isthmus.models.planner import SegmenterPlan, plan_segmenter
from isthmus.models.segmenter import Segmenter
from isthmus.models.sparse import SparseAutoencoder
from isthmus.models.sparse_segmenter import SparseSegmenter
from isthmus.models.stacked import StackedAutoencoder
from isthmus.models.variational import VariationalAutoencoder
from isthmus.models.volume_cascade import VolumeCascade
from isthmus.models.volume_segmenter import VolumeSegmenter

__all__ = [
    "MODELS",
    "Autoencoder",
    "Cascade",
    "ClassEncoder",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "Ensemble",
    "InstanceSegmenter",
    "LinearAutoencoder",
    "Segmenter",
    "SegmenterPlan",
    "SparseAutoencoder",
    "SparseSegmenter",
    "StackedAutoencoder",
    "VariationalAutoencoder",
    "VolumeCascade",
    "VolumeEnsemble",
    "VolumeSegmenter",
    "export_onnx",
    "load",
    "model_fingerprint",
    "plan_segmenter",
]
