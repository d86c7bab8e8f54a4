"""What a column of scores is called, and which way it is better."""

from __future__ import annotations

from isthmus.core.errors import SettingError
from isthmus.core.registry import nearest
from isthmus.metrics._base import METRICS
from isthmus.metrics.instances import INSTANCE_MEASURES
from isthmus.metrics.segmentation import MEASURES, Measure

_OF_IMAGES = {
    "volume_error": Measure("absolute error of the volume, ml", False),
    "mean_iou": Measure("mean IoU with the background", True),
    "auc": Measure("area under the ROC curve", True),
    "average_precision": Measure("average precision", True),
    "adapted_rand_error": Measure("adapted Rand error of the cells", False),
    "share_error": Measure("absolute error, percentage points", False),
    "variation_of_information": Measure("variation of information of the cells, bits", False),
}


def measure_of(name: str) -> Measure:
    """Title and direction of a metric, or of a measure of label maps.

    Parameters
    ----------
    name
        Of `METRICS`, `MEASURES` or `INSTANCE_MEASURES`; or ``"dice/lung"``, a measure of one class.

    Raises
    ------
    SettingError
        If there is none of that name.
    """
    measure, _, label = name.partition("/")
    if name in METRICS:
        return Measure(METRICS[name].title, METRICS[name].higher_is_better)
    measures = {**MEASURES, **_OF_IMAGES, **INSTANCE_MEASURES}
    if measure in measures:
        found = measures[measure]
        return found._replace(title=f"{found.title} of {label}") if label else found
    known = [*METRICS, *measures]
    raise SettingError(
        f"Unknown metric '{name}'{nearest(name, known)}. Choose from: {', '.join(known)}."
    )
