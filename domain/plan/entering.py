"""What publishing a draft enters: of what it takes for granted, what can be made so with it.

A stop is maintenance, overtime an extra shift, somebody who is away an absence; another policy and
another priority are put in place of what is. What is there already is not entered again. The rest
(orders, material, people whom nobody has) is not the planner's to enter.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final

from contracts.what_if import (
    Change,
    MachineDown,
    MaterialAt,
    MoreOfResource,
    OrderAdded,
    OrderDue,
    OrderRemoved,
    Overtime,
    ResourceAway,
    Split,
)
from domain.plan.calendar import merged
from domain.plan.fact_words import Said
from domain.plan.problem import Interval


class EntryKind(enum.StrEnum):
    """What is entered."""

    MAINTENANCE = "maintenance"
    """A machine is closed for a time."""
    EXTRA_SHIFT = "extra_shift"
    """A machine works in a time in which it would not."""
    ABSENCE = "absence"
    """An operator or a tool is not there for a time."""
    POLICY = "policy"
    """Fields of the scope's policy are others."""
    PRIORITY = "priority"
    """An order has another priority."""


ENTERED: Final = (MachineDown, Overtime, ResourceAway)
"""What is taken for granted and can be entered."""

LEFT: Final[dict[type[Change], Said]] = {
    MaterialAt: Said(
        "change the purchase or the work order that brings the material",
        "请先修改带来该物料的采购单或工单",
    ),
    MoreOfResource: Said(
        "add the people or tools to the master data, and make the draft without this change",
        "请先在主数据中增加人员或工装，再去掉此项重做草稿",
    ),
    Split: Said(
        "split the work order, and make the draft without this change",
        "请先拆分工单，再去掉此项重做草稿",
    ),
    OrderDue: Said("change the order's date", "请先修改订单交期"),
    OrderRemoved: Said("cancel the order", "请先取消订单"),
    OrderAdded: Said("take the order in", "请先录入订单"),
}
"""What cannot, and what to do instead; then the draft is rebased."""


def uncovered(span: Interval, covered: Iterable[Interval]) -> list[Interval]:
    """What of a span no other covers; in order."""
    left: list[Interval] = []
    at = span.start_ms
    for each in merged(covered):
        if each.end_ms <= at:
            continue
        if each.start_ms >= span.end_ms:
            break
        if each.start_ms > at:
            left.append(Interval(at, each.start_ms))
        at = max(at, each.end_ms)
    if at < span.end_ms:
        left.append(Interval(at, span.end_ms))
    return left
