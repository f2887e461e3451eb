"""Review before release: facts of orders, findings, policies; one reading for many orders."""

from store.review.findings import FindingRow, findings_of, reasons
from store.review.judging import Judged, examine_orders, judge

__all__ = ["FindingRow", "Judged", "examine_orders", "findings_of", "judge", "reasons"]
