"""How true promised dates were.

    error  = promised - actual           (above 0: it was promised later than it came)
    MAE    = mean of |error|
    MAPE   = mean of |error| / lead      lead = actual - when it was promised
    WAPE   = sum of |error| / sum of lead
    bias   = sum of error / sum of lead

A percentage needs something that it is a percentage of: a date has no zero, so errors are measured
against the time that was still to come when the promise was made. Promises that were made when all
was over (lead at most 0) say nothing of forecasting: they are counted and left out. WAPE is the one
to compare by: MAPE weighs a promise for tomorrow like one for next month.

Source: Hyndman & Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed., 5.8 (MAE, MAPE
and its weakness); WAPE as in Kolassa & Schuetz, "Advantages of the MAD/mean ratio over the MAPE",
Foresight 6 (2007).
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import msgspec

from domain.reports.ratios import ZERO, Absent, Ratio, ratio


class Promise(msgspec.Struct, frozen=True, gc=False):
    """A promised date and what became of it; epoch ms."""

    made_ms: int
    promised_ms: int
    actual_ms: int


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over promises: they may be added over disjoint periods.

    Attributes:
        count: promises that are judged.
        left_out: made when all was over.
        late: that came after their date.
        lead_ms: the sum of leads.
        error_ms: the sum of errors, signed.
        absolute_ms: the sum of errors, unsigned.
        relative: the sum of |error| / lead.
    """

    count: int = 0
    left_out: int = 0
    late: int = 0
    lead_ms: int = 0
    error_ms: int = 0
    absolute_ms: int = 0
    relative: Fraction = ZERO

    @property
    def mae_ms(self) -> Ratio:
        """Mean absolute error in ms."""
        return ratio(self.absolute_ms, self.count, Absent.NOTHING_ENDED)

    @property
    def mape(self) -> Ratio:
        """Mean absolute percentage error, as a ratio (1 is 100 %)."""
        return ratio(self.relative, self.count, Absent.NOTHING_ENDED)

    @property
    def wape(self) -> Ratio:
        """Weighted absolute percentage error, as a ratio."""
        return ratio(self.absolute_ms, self.lead_ms, Absent.NOTHING_ENDED)

    @property
    def bias(self) -> Ratio:
        """Above 0: dates are promised later than needed; below: orders come later than promised."""
        return ratio(self.error_ms, self.lead_ms, Absent.NOTHING_ENDED)

    def __add__(self, other: Accuracy) -> Accuracy:
        return Accuracy(
            count=self.count + other.count,
            left_out=self.left_out + other.left_out,
            late=self.late + other.late,
            lead_ms=self.lead_ms + other.lead_ms,
            error_ms=self.error_ms + other.error_ms,
            absolute_ms=self.absolute_ms + other.absolute_ms,
            relative=self.relative + other.relative,
        )


def accuracy(promises: Iterable[Promise]) -> Accuracy:
    """The sums of promises whose orders have come."""
    count = left_out = late = lead_ms = error_ms = absolute_ms = 0
    relative = ZERO
    for each in promises:
        lead = each.actual_ms - each.made_ms
        if lead <= 0:
            left_out += 1
            continue
        error = each.promised_ms - each.actual_ms
        count += 1
        late += error < 0
        lead_ms += lead
        error_ms += error
        absolute_ms += abs(error)
        relative += Fraction(abs(error), lead)
    return Accuracy(
        count=count,
        left_out=left_out,
        late=late,
        lead_ms=lead_ms,
        error_ms=error_ms,
        absolute_ms=absolute_ms,
        relative=relative,
    )
