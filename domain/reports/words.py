"""Words in both languages, and what is said where there is no number."""

from __future__ import annotations

from typing import Final

import msgspec

from domain.reports.ratios import Absent


class Words(msgspec.Struct, frozen=True):
    """The same in English and Chinese."""

    en: str
    zh: str


WHY_ABSENT: Final = {
    Absent.NOT_PLANNED: Words("no working time was planned", "期间内没有计划工作时间"),
    Absent.NOTHING_TOLD: Words("the machine told nothing", "设备没有上报数据"),
    Absent.NOT_PRODUCED: Words("nothing was produced", "期间内没有生产"),
    Absent.NO_CYCLE_TIME: Words(
        "pieces were made without a planned run time", "有产出缺少计划工时"
    ),
    Absent.NOTHING_DUE: Words("nothing was due", "期间内没有到期的订单"),
    Absent.NOTHING_ENDED: Words("nothing came to its end", "期间内没有完成的记录"),
    Absent.NO_STOCK: Words("there was no stock", "期间内没有库存"),
    Absent.NO_COST: Words("a unit cost is missing", "缺少单位成本"),
    Absent.NO_CAPACITY: Words("there was no working time", "没有可用工作时间"),
    Absent.NOTHING_ASKED: Words("nobody asked", "没有查询"),
    Absent.MIXED_UNITS: Words(
        "quantities of several units cannot be added", "不同计量单位的数量不能相加"
    ),
}
"""Why a figure has no number, in words."""
