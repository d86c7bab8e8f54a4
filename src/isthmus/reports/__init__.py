"""Pictures and the HTML report of a run."""

from isthmus.reports.report import write_report

__all__ = ["write_report"]
