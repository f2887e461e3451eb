"""The month's figures a second time, from what was drawn, with pandas and none of the product.

Definitions are those of `docs/howto/figures.md`; how they are reckoned is not: the floor is cut at
every edge there is and summed by label, and orders are tables that are filtered and grouped.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

import pandas as pd
from month_factory import (
    DAY,
    FIRST,
    LAST,
    MINUTE,
    ZONE,
    Line,
    Month,
    Operation,
    Order,
    shifts,
)

MICRO_STOP_MS: Final = 5 * MINUTE
LISTED: Final = {"tool": "delay"}
"""Reasons of the plant's list that the month's machines tell: no micro-stop, however short."""
STAGES: Final = ("confirmation", "release", "start", "production", "packing", "shipping")


def _midnight(day: Any) -> int:
    return int(datetime.combine(day, time(), ZONE).astimezone(UTC).timestamp() * 1_000)


FROM_MS: Final = _midnight(FIRST)
UNTIL_MS: Final = _midnight(LAST + timedelta(days=1))


# Orders ------------------------------------------------------------------------------------------


def lines_table(month: Month) -> pd.DataFrame:
    """A row per order line that somebody still wants, with what became of it."""
    rows = []
    for order in month.orders:
        for line in order.lines:
            if line.cancelled:
                continue
            rows.append(
                {
                    "order": order.number,
                    "line": line.number,
                    "customer": order.customer,
                    "item": line.item,
                    "quantity": line.quantity,
                    "first": line.first_due_ms,
                    "current": line.due_ms,
                    "customer_due": _customer_due(order, line),
                    "produced": line.produced_ms,
                    **_left(line),
                    **{f"by_{name}": _gone_by(line, due) for name, due in _dues(line)},
                    **_stages(order, line),
                }
            )
    return pd.DataFrame(rows)


def _dues(line: Line) -> tuple[tuple[str, int], tuple[str, int]]:
    return ("first", line.first_due_ms), ("current", line.due_ms)


def _customer_due(order: Order, line: Line) -> int:
    moved: int = sum(
        change.after["due_ms"] - change.before["due_ms"]
        for change in order.changes
        if change.line == line.number and change.by_customer and "due_ms" in change.before
    )
    return line.first_due_ms + moved


def _left(line: Line) -> dict[str, Any]:
    """When the last piece that was needed left, and the last that was not in vain."""
    gone = 0
    complete = last = None
    for at_ms, quantity, returned in sorted(line.shipped):
        kept = quantity - returned
        if kept and complete is None:
            last = at_ms
        gone += kept
        if gone >= line.quantity and complete is None:
            complete = at_ms
    return {"complete": complete, "last_left": last}


def _gone_by(line: Line, due_ms: int) -> int:
    gone = sum(quantity - back for at_ms, quantity, back in line.shipped if at_ms <= due_ms)
    return min(gone, line.quantity)


def _stages(order: Order, line: Line) -> dict[str, int | None]:
    """How long each stage took, of lines that left completely."""
    complete = _left(line)["complete"]
    if complete is None:
        return dict.fromkeys(STAGES)
    reached = (
        order.confirmed_ms, order.released_ms, line.started_ms, line.produced_ms,
        max(at_ms for at_ms, quantity, _ in line.shipped if quantity) - 5 * MINUTE, complete,
    )  # fmt: skip
    found: dict[str, int | None] = {}
    at_ms = order.received_ms
    for name, moment in zip(STAGES, reached, strict=True):
        end = min(moment if moment is not None else at_ms, complete)
        found[name] = max(end - at_ms, 0) if moment is not None else None
        at_ms = max(at_ms, end)
    return found


def delivery(month: Month, against: str) -> dict[str, tuple[int, int]]:
    """Part and whole of each figure of the lines that were due in the month."""
    table = lines_table(month)
    due = table[(table[against] >= FROM_MS) & (table[against] < UNTIL_MS)]
    return _delivered(due, against)


def delivery_by(month: Month, against: str, column: str) -> dict[str, dict[str, tuple[int, int]]]:
    """The same by customer or item."""
    table = lines_table(month)
    due = table[(table[against] >= FROM_MS) & (table[against] < UNTIL_MS)]
    return {str(key): _delivered(some, against) for key, some in due.groupby(column)}


def _delivered(due: pd.DataFrame, against: str) -> dict[str, tuple[int, int]]:
    in_full = due["complete"].notna()
    on_time = due["last_left"].notna() & (due["last_left"] <= due[against])
    both = in_full & on_time
    by_order = both.groupby(due["order"]).all()
    total = len(due)
    return {
        "on_time_in_full": (int(both.sum()), total),
        "on_time": (int(on_time.sum()), total),
        "in_full": (int(in_full.sum()), total),
        "orders_on_time_in_full": (int(by_order.sum()), len(by_order)),
        "fulfilment_rate": (int(due[f"by_{against}"].sum()), int(due["quantity"].sum())),
    }


def lead_times(month: Month) -> dict[str, tuple[int, int]]:
    """Sum (ms) and number by stage, of the lines of which the last piece left in the month."""
    table = lines_table(month)
    ended = table[(table["complete"] >= FROM_MS) & (table["complete"] < UNTIL_MS)]
    found = {stage: (int(ended[stage].sum()), int(ended[stage].notna().sum())) for stage in STAGES}
    lead = sum(total for total, _ in found.values())
    return found | {"lead_time": (lead, len(ended))}


@dataclass
class Delay:
    """What a late order waited for: milliseconds by cause."""

    order: str
    delay_ms: int
    shares: dict[str, int]


def delays(month: Month, judged_ms: int) -> list[Delay]:
    """The late orders of which the date agreed first lay in the month, by their latest line.

    Args:
        month: what happened.
        judged_ms: up to when what has not left is late.
    """
    plans: dict[str, tuple[int, dict[str, int]]] = {}
    for plan in month.plans:
        for each in plan.orders:
            shares = {cause: minutes * MINUTE for cause, minutes in each.shares}
            plans.setdefault(each.order, (plan.published_ms, shares))
    floor = _Floor(month, judged_ms)
    found = []
    for order in month.orders:
        late = [
            (end - line.first_due_ms, -line.number, line, end)
            for line in order.lines
            if not line.cancelled
            and (end := _left(line)["complete"] or judged_ms) > line.first_due_ms
        ]
        if not late:
            continue
        delay_ms, _, line, end = max(late)
        if FROM_MS <= line.first_due_ms < UNTIL_MS:
            plan_of = plans.get(order.number)
            found.append(Delay(order.number, delay_ms, _shares(order, line, end, plan_of, floor)))
    return found


_OF_PLAN: Final = {"machine_busy": "capacity", "setup": "setup"}
_SPECIFIC_FIRST: Final = ("breakdown", "stop", "shipping")


def _shares(
    order: Order,
    line: Line,
    end: int,
    plan_of: tuple[int, dict[str, int]] | None,
    floor: _Floor,
) -> dict[str, int]:
    left = end - line.first_due_ms
    shares: dict[str, int] = defaultdict(int)
    shares["customer"] = min(max(_customer_due(order, line) - line.first_due_ms, 0), left)
    left -= shares["customer"]
    planned_ms, foreseen = plan_of or (line.first_due_ms, {})
    part = min(sum(foreseen.values()), left)
    for word, ms in foreseen.items():
        shares[_OF_PLAN[word]] += round(Fraction(ms * part, sum(foreseen.values())))
    left -= part
    seen = floor.evidence(order, line, end)
    lengths = _painted(seen, min(planned_ms, end), end)
    part = min(sum(lengths.values()), left)
    for cause, ms in lengths.items():
        shares[cause] += round(Fraction(ms * part, sum(lengths.values())))
    shares["unexplained"] = left - part
    return {cause: ms for cause, ms in shares.items() if ms}


def _painted(seen: list[tuple[str, int, int]], from_ms: int, until_ms: int) -> dict[str, int]:
    """How long each cause lasted; of several at a moment the more specific has it."""
    edges = {from_ms, until_ms} | {edge for _, *both in seen for edge in both}
    lengths: dict[str, int] = defaultdict(int)
    for begins, ends in pairwise(sorted(e for e in edges if from_ms <= e <= until_ms)):
        on = {cause for cause, since, until in seen if since <= begins and ends <= until}
        for cause in _SPECIFIC_FIRST:
            if cause in on:
                lengths[cause] += ends - begins
                break
    return lengths


class _Floor:
    """What machines did while orders waited for them."""

    def __init__(self, month: Month, until_ms: int) -> None:
        self._shifts = [(begins, ends) for _, _, begins, ends in shifts()]
        self._stood = {
            path: [
                each
                for each in stretches(told, until_ms)
                if each.state in ("down", "idle", "offline")
            ]
            for path, told in month.told.items()
        }
        self._since = {path: [each.from_ms for each in some] for path, some in self._stood.items()}
        self._steps: dict[str, list[Operation]] = defaultdict(list)
        for operation in month.operations:
            self._steps[operation.work_order].append(operation)
        self._spans: dict[tuple[str, int], list[int]] = {}
        for told in month.told.values():
            for kind, content in told:
                if kind == "job" and content["event"] in ("started", "completed"):
                    key = content["work_order"], content["operation"]
                    self._spans.setdefault(key, []).append(content["t"])

    def evidence(self, order: Order, line: Line, end: int) -> list[tuple[str, int, int]]:
        """Cause, from and until of whatever the line's work stood still for, up to `end`."""
        found = []
        ready = order.released_ms
        for step in self._steps[line.work_order]:
            began, *ended = self._spans.get((step.work_order, step.number), (None,))
            upto = min(ended[0] if ended else end, end)
            # The one that had begun when it was ready, and those until its end.
            first = max(bisect_right(self._since[step.machine], ready) - 1, 0)
            last = bisect_left(self._since[step.machine], upto)
            for each in self._stood[step.machine][first:last]:
                since = ready if each.state == "down" else began
                if since is None:
                    continue
                cause = "breakdown" if each.state == "down" else "stop"
                found += [
                    (cause, begins, ends)
                    for begins, ends in self._worked(
                        max(each.from_ms, since), min(each.until_ms, upto)
                    )
                ]
            if not ended:
                # Nothing that follows has a moment from which on it was ready.
                break
            ready = max(ready, ended[0])
        if line.produced_ms is not None and line.produced_ms < end:
            found.append(("shipping", line.produced_ms, end))
        return found

    def _worked(self, from_ms: int, until_ms: int) -> list[tuple[int, int]]:
        """What of a stretch lies within shifts."""
        return [
            (max(begins, from_ms), min(ends, until_ms))
            for begins, ends in self._shifts
            if max(begins, from_ms) < min(ends, until_ms)
        ]


def promised(month: Month) -> dict[str, int]:
    """Errors of the dates agreed first, of lines of which the last piece left in the month."""
    confirmed = {order.number: order.confirmed_ms for order in month.orders}
    table = lines_table(month)
    ended = table[(table["complete"] >= FROM_MS) & (table["complete"] < UNTIL_MS)]
    lead = ended["complete"] - ended["order"].map(confirmed)
    error = ended["first"] - ended["complete"]
    return {
        "count": len(ended),
        "lead": int(lead.sum()),
        "error": int(error.sum()),
        "absolute": int(error.abs().sum()),
        "late": int((error < 0).sum()),
    }


def foreseen(month: Month, days: int) -> dict[str, int]:
    """Errors of what the plan in force said so many days before the last line was made."""
    found = {"count": 0, "lead": 0, "error": 0, "absolute": 0, "late": 0}
    for order in month.orders:
        ends = [line.produced_ms for line in order.lines if not line.cancelled]
        made = [end for end in ends if end is not None]
        if not made or len(made) < len(ends) or not FROM_MS <= max(made) < UNTIL_MS:
            continue
        end = max(made)
        in_force = [each for each in month.plans if each.published_ms <= end - days * DAY]
        told = (
            [each for each in in_force[-1].orders if each.order == order.number] if in_force else []
        )
        if not told:
            continue
        error = told[0].end_ms - end
        found["count"] += 1
        found["lead"] += end - in_force[-1].published_ms
        found["error"] += error
        found["absolute"] += abs(error)
        found["late"] += error < 0
    return found


# The floor ---------------------------------------------------------------------------------------


@dataclass
class Stretch:
    """A machine in a state, from a change to the next one."""

    from_ms: int
    until_ms: int
    state: str
    reason: str | None
    label: str = ""


def stretches(told: list[tuple[str, dict[str, Any]]], until_ms: int) -> list[Stretch]:
    """From what a machine told, labelled with what its time counts as."""
    states = [content for kind, content in told if kind == "state"]
    found: list[Stretch] = []
    for index, content in enumerate(states):
        ends = states[index + 1]["t"] if index + 1 < len(states) else until_ms
        if ends == content["t"]:
            continue
        reason = content.get("reason")
        if found and (found[-1].state, found[-1].reason) == (content["state"], reason):
            found[-1].until_ms = ends
        else:
            found.append(Stretch(content["t"], ends, content["state"], reason))
    works = _works(told, until_ms)
    begun = [begins for begins, _ in works]
    for index, each in enumerate(found):
        last = bisect_right(begun, each.from_ms) - 1
        on = last >= 0 and each.from_ms < works[last][1]
        each.label = _label(found, index, has_order=on)
    return found


def _works(told: list[tuple[str, dict[str, Any]]], until_ms: int) -> list[tuple[int, int]]:
    """From when to when an operation was on the machine, resting or not."""
    found: list[tuple[int, int]] = []
    for kind, content in told:
        if kind != "job":
            continue
        if content["event"] == "started":
            found.append((content["t"], until_ms))
        elif content["event"] == "completed":
            found[-1] = found[-1][0], content["t"]
    return found


def _label(all_: list[Stretch], index: int, *, has_order: bool) -> str:
    each = all_[index]
    plain = {"running": "production", "setup": "setup", "planned_stop": "planned"}
    if each.state in plain:
        return plain[each.state]
    if each.state == "offline":
        return "unknown"
    if each.reason in LISTED:
        return LISTED[each.reason]
    between = (
        0 < index < len(all_) - 1 and all_[index - 1].state == all_[index + 1].state == "running"
    )
    if between and each.until_ms - each.from_ms < MICRO_STOP_MS:
        return "micro_stop"
    return "delay" if has_order else "idle"


def spent(month: Month) -> pd.DataFrame:
    """Milliseconds by machine, label, and whether a shift was on (`shift`: its name or nothing)."""
    rows: list[tuple[str, str, str | None, str, str, int]] = []
    calendar = [(name, str(day), begins, ends) for name, day, begins, ends in shifts()]
    for path, told in month.told.items():
        some = stretches(told, UNTIL_MS)
        edges = sorted(
            {edge for each in some for edge in (each.from_ms, each.until_ms)}
            | {edge for _, _, begins, ends in calendar for edge in (begins, ends)}
            | {FROM_MS, UNTIL_MS}
        )
        at_stretch = at_shift = 0
        for begins, ends in pairwise(edges):
            if begins < FROM_MS or ends > UNTIL_MS:
                continue
            while at_stretch < len(some) and some[at_stretch].until_ms <= begins:
                at_stretch += 1
            while at_shift < len(calendar) and calendar[at_shift][3] <= begins:
                at_shift += 1
            inside = at_shift < len(calendar) and calendar[at_shift][2] <= begins
            known = at_stretch < len(some) and some[at_stretch].from_ms <= begins
            each = some[at_stretch] if known else None
            rows.append(
                (
                    path,
                    each.label if each else "untold",
                    each.reason if each else None,
                    calendar[at_shift][0] if inside else "",
                    calendar[at_shift][1] if inside else "",
                    ends - begins,
                )
            )
    return pd.DataFrame(rows, columns=["machine", "label", "reason", "shift", "day", "ms"])


def pieces(month: Month) -> pd.DataFrame:
    """Good and scrap by machine, with what they should have taken."""
    cycles = {(each.work_order, each.number): each.cycle_ms for each in month.operations}
    items = {line.work_order: line.item for order in month.orders for line in order.lines}
    rows = []
    for path, told in month.told.items():
        current: tuple[str, int] | None = None
        for kind, content in told:
            if kind == "job" and content["event"] == "started":
                current = content["work_order"], content["operation"]
            elif kind == "count" and current is not None:
                good, scrap = content["good"], content["scrap"]
                rows.append(
                    (
                        path,
                        items[current[0]],
                        content["t"],
                        good,
                        scrap,
                        (good + scrap) * cycles[current],
                    )
                )
    table = pd.DataFrame(rows, columns=["machine", "item", "t", "good", "scrap", "run"])
    # Pieces are kept by five minutes: the last of a shift may be told as it ends.
    calendar = [(name, begins, ends) for name, _, begins, ends in shifts()]
    table["shift"] = [
        next((name for name, begins, ends in calendar if begins <= t < ends), "")
        for t in table["t"]
    ]
    return table[(table["t"] >= FROM_MS) & (table["t"] < UNTIL_MS)]


def oee(time_spent: pd.DataFrame, made: pd.DataFrame) -> dict[str, Fraction]:
    """Availability, effectiveness, quality and their product, of some machines or shifts."""
    planned = time_spent[time_spent["shift"] != ""]
    beside = time_spent[time_spent["shift"] == ""]
    inside = _sum(planned)
    outside = _sum(beside)
    overtime = outside["production"] + outside["setup"]
    busy = sum(inside.values()) - inside["planned"] - inside["untold"] + overtime
    production = inside["production"] + outside["production"]
    good, scrap, run = (int(made[column].sum()) for column in ("good", "scrap", "run"))
    availability = Fraction(production, busy)
    effectiveness = Fraction(run, production)
    quality = Fraction(good, good + scrap)
    return {
        "availability": availability,
        "effectiveness": effectiveness,
        "quality_ratio": quality,
        "oee": availability * effectiveness * quality,
    }


def _sum(table: pd.DataFrame) -> defaultdict[str, int]:
    return defaultdict(int, {str(k): int(v) for k, v in table.groupby("label")["ms"].sum().items()})


def losses(time_spent: pd.DataFrame) -> Mapping[tuple[str, str | None], int]:
    """Lost milliseconds of planned busy time by what they count as and the told reason."""
    planned = time_spent[time_spent["shift"] != ""]
    lost = planned[planned["label"].isin(["setup", "delay", "idle", "unknown", "micro_stop"])]
    found: dict[tuple[str, str | None], int] = defaultdict(int)
    for label, reason, ms in zip(lost["label"], lost["reason"], lost["ms"], strict=True):
        found[label, reason if isinstance(reason, str) else None] += int(ms)
    overtime = time_spent[(time_spent["shift"] == "") & (time_spent["label"] == "setup")]
    found["setup", None] += int(overtime["ms"].sum())
    return {key: ms for key, ms in found.items() if ms}
