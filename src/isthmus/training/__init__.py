"""The one loop: data order, optimisers, schedules, checkpoints and the run folder."""

from isthmus.training.checkpoint import Checkpoints
from isthmus.training.devices import choose_device
from isthmus.training.equation import Equation
from isthmus.training.examples import Batch, Examples, Rows, Stream, Target
from isthmus.training.importance import ImportanceWeighted, importance_draws
from isthmus.training.loop import train
from isthmus.training.observers import (
    ConsoleProgress,
    MetricsFile,
    Observer,
    Observers,
    TensorBoardEvents,
)
from isthmus.training.optimizers import OPTIMIZERS
from isthmus.training.patches import Patches, at_least
from isthmus.training.phases import Phases
from isthmus.training.plan import Plan
from isthmus.training.schedules import SCHEDULES
from isthmus.training.state import History, State

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Batch",
    "Checkpoints",
    "ConsoleProgress",
    "Equation",
    "Examples",
    "History",
    "ImportanceWeighted",
    "MetricsFile",
    "Observer",
    "Observers",
    "Patches",
    "Phases",
    "Plan",
    "Rows",
    "State",
    "Stream",
    "Target",
    "TensorBoardEvents",
    "at_least",
    "choose_device",
    "importance_draws",
    "train",
]
