"""Pictures and the HTML report of a run."""

from isthmus.reports.report import write_report
from isthmus.reports.segmentation import write_augmented

__all__ = ["write_augmented", "write_report"]
