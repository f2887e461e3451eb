"""Stages of an order's way and causes of its delay, as people call them."""

from __future__ import annotations

from typing import Final

from domain.reports.delay_causes import Cause
from domain.reports.lead_times import Stage
from domain.reports.words import Words

STAGE_WORDS: Final = {
    Stage.CONFIRMATION: Words("Order processing, up to confirmation", "订单处理（至确认）"),
    Stage.RELEASE: Words("Waiting for release", "等待下达"),
    Stage.START: Words("Waiting for a machine", "等待开工"),
    Stage.PRODUCTION: Words("Production", "生产"),
    Stage.PACKING: Words("Packing", "包装"),
    Stage.SHIPPING: Words("Shipping, up to leaving", "发运（至离厂）"),
    Stage.DELIVERY: Words("On the way, up to delivery", "运输（至送达）"),
}
"""What a stage is called."""

CAUSE_WORDS: Final = {
    Cause.CUSTOMER: Words("Changed by the customer", "客户变更"),
    Cause.CAPACITY: Words("Machines were busy", "设备产能不足"),
    Cause.SETUP: Words("Set-ups", "换型"),
    Cause.RESOURCE: Words("People or tools were missing", "人员或工装不足"),
    Cause.CLOSED: Words("Outside of working time", "非工作时间"),
    Cause.RELEASE: Words("Released too late", "下达过晚"),
    Cause.WORK: Words("The work itself takes longer", "加工本身耗时"),
    Cause.OVERDUE: Words("Late before it was planned", "排产前已逾期"),
    Cause.MATERIAL: Words("Material was missing", "物料短缺"),
    Cause.BREAKDOWN: Words("Breakdowns", "设备故障"),
    Cause.STOP: Words("Stops", "停机"),
    Cause.QUALITY: Words("Scrap that was made again", "废品补做"),
    Cause.SHIPPING: Words("Waited for shipping", "等待发运"),
    Cause.UNEXPLAINED: Words("Nothing explains it", "无法解释"),
}
"""What a cause is called."""
