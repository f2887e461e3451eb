"""The views that others read by SQL (schema `gemba_report`): what each and its columns mean.

Comments in the database, the pages of the data dictionary and the tests are made from this.
"""

from __future__ import annotations

from typing import Final

import msgspec

from domain.reports.words import Words

SCHEMA: Final = "gemba_report"
READER: Final = "gemba_reader"
"""The role that may read that schema, and nothing else."""


class ViewColumn(msgspec.Struct, frozen=True):
    """A column and what stands in it."""

    name: str
    words: Words


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A view.

    Attributes:
        name: within the schema.
        words: what a row is.
        figures: codes of definitions that are reckoned from it, and how.
        columns: all of them, in their order.
        as_of: whether there is a function of the same name that takes a moment of knowledge, and
            a view `<name>_revisions` of everything that was ever known.
    """

    name: str
    words: Words
    columns: tuple[ViewColumn, ...]
    figures: tuple[tuple[str, str], ...] = ()
    as_of: bool = False


def _columns(**told: tuple[str, str]) -> tuple[ViewColumn, ...]:
    return tuple(ViewColumn(name, Words(*words)) for name, words in told.items())


_REVISION: Final = ("number of the revision", "修订编号")
_SITE: Final = ("site's code", "工厂代码")
_LINE: Final = ("line of the factory, site/area/line", "产线，工厂/区域/产线")
_ITEM: Final = ("item's code", "物料编码")
_CUSTOMER: Final = ("customer's code", "客户代码")
_KNOWN: Final = _columns(
    recorded_at=("since when this is known", "自何时起获知"),
    superseded_at=("until when it was held to be so; null: it is", "至何时被取代；空表示仍有效"),
)
_SHIFT: Final = _columns(
    revision=_REVISION,
    site=_SITE,
    line=_LINE,
    machine=("machine's path, site/area/line/machine", "设备路径，工厂/区域/产线/设备"),
    machine_name=("machine's name", "设备名称"),
    day=("plant's day on which the shift begins", "班次开始的工厂日"),
    shift=("shift; empty: outside of shifts", "班次；空表示班次之外"),
    starts_at=("when the shift begins", "班次开始时间"),
    ends_at=("when it ends", "班次结束时间"),
    counted_until=(
        "up to when it is counted; before its end: the shift was running",
        "统计截止时间；早于结束时间表示班次仍在进行",
    ),
    work_order=(
        "work order that was on the machine; null: none, or not known",
        "设备上的工单；空表示没有或未知",
    ),
    item=("item that the work order makes", "工单所产物料"),
)

_ALL: Final = (
    View(
        name="machine_shifts",
        words=Words(
            "A machine in a shift, by the work order that was on it: times in ms (elements of"
            " ISO 22400-2) and pieces. Sum first, then divide.",
            "设备在一个班次内、按工单的时间要素（毫秒，ISO 22400-2）与件数。先求和，再相除。",
        ),
        figures=(
            ("availability", "sum(available_ms) / sum(busy_ms)"),
            ("effectiveness", "sum(run_ms) / sum(available_ms), where sum(unrated) = 0"),
            ("quality_ratio", "sum(good) / sum(produced)"),
            ("oee", "availability * effectiveness * quality_ratio"),
            ("micro_stops", "sum(micro_stops)"),
            ("scrap_ratio", "sum(scrap) / sum(produced)"),
        ),
        as_of=True,
        columns=(
            *_SHIFT,
            *_columns(
                operation_ms=("planned operation time (POT), ms", "计划作业时间 (POT)，毫秒"),
                planned_stop_ms=("planned stops in it, ms", "其中计划停机，毫秒"),
                overtime_ms=("production and set-up outside of it, ms", "计划外生产与换型，毫秒"),
                busy_ms=("planned busy time (PBT), ms", "计划占用时间 (PBT)，毫秒"),
                production_ms=("actual production time (APT), ms", "实际生产时间 (APT)，毫秒"),
                available_ms=(
                    "what availability counts, ms: production; and micro-stops, by site's policy",
                    "可用率分子，毫秒：生产时间；若工厂策略将微停计为性能损失，则含微停",
                ),
                setup_ms=("set-up, ms", "换型，毫秒"),
                delay_ms=("stops for a reason or without one, ms", "停机，毫秒"),
                micro_stop_ms=("micro-stops, ms", "微停，毫秒"),
                idle_ms=("nothing to do, ms", "待料/待单，毫秒"),
                unknown_ms=("nothing told, ms", "未上报，毫秒"),
                micro_stops=("micro-stops that began", "微停次数"),
                stops=("other stops that began", "其他停机次数"),
                good=("good quantity (GQ), without rework", "良品数量 (GQ)，不含返工"),
                scrap=("scrap quantity, without rework", "废品数量，不含返工"),
                produced=("produced quantity (PQ)", "产出数量 (PQ)"),
                reworked=("pieces of rework orders", "返工单件数"),
                run_ms=(
                    "what the pieces should have taken (PRI x PQ), ms",
                    "标准工时 (PRI×PQ)，毫秒",
                ),
                unrated=("pieces without a planned run time", "缺少计划工时的件数"),
            ),
            *_KNOWN,
        ),
    ),
    View(
        name="losses",
        words=Words(
            "What planned busy time of a machine's shift was lost to, by reason.",
            "设备班次中计划占用时间的损失，按原因。",
        ),
        figures=(("lost_time", "sum(lost_ms), by reason"),),
        as_of=True,
        columns=(
            *_SHIFT,
            *_columns(
                time_class=(
                    "what the reason counts as: delay, micro_stop, setup, idle, unknown, planned",
                    "原因归类：delay、micro_stop、setup、idle、unknown、planned",
                ),
                reason=(
                    "reason as the machine or a person told it; null: none",
                    "停机原因；空表示没有",
                ),
                reason_en=("the reason in English words", "原因的英文名称"),
                reason_zh=("the reason in Chinese words", "原因的中文名称"),
                lost_ms=("lost, ms", "损失时间，毫秒"),
                stops=("how often it began", "发生次数"),
            ),
            *_KNOWN,
        ),
    ),
    View(
        name="order_lines",
        words=Words(
            "A line of a customer's order: dates, milestones, whether it was on time and in full.",
            "客户订单行：交期、各节点时间、是否准时足量。",
        ),
        figures=(
            (
                "on_time_in_full",
                "count(*) FILTER (WHERE on_time_in_full) / count(*), NOT cancelled, by due_day",
            ),
            ("fulfilment_rate", "sum(quantity_by_date) / sum(ordered), by due_day and unit"),
            ("lead_time", "avg(lead_ms), by shipped_at"),
            ("order_processing_time", "avg(processing_ms), by confirmed_at"),
        ),
        as_of=True,
        columns=(
            *_columns(
                revision=_REVISION,
                order_number=("order's number", "订单号"),
                line_number=("line of the order", "订单行号"),
                site=_SITE,
                line=_LINE,
                customer=_CUSTOMER,
                customer_name=("customer's name", "客户名称"),
                item=_ITEM,
                item_name=("item's name", "物料名称"),
                unit=("unit of quantities", "数量单位"),
                ordered=("quantity ordered; 0: cancelled", "订购数量；0 表示已取消"),
                shipped=("quantity that left", "已发数量"),
                cancelled=("whether it was cancelled", "是否已取消"),
                received_at=("order received", "接单时间"),
                confirmed_at=("order confirmed", "确认时间"),
                released_at=("released to the floor", "下达时间"),
                started_at=("production began", "开工时间"),
                produced_at=("all was made", "完工时间"),
                packed_at=("packed", "包装时间"),
                shipped_at=("shipped", "发货时间"),
                delivered_at=("delivered", "送达时间"),
                complete_at=(
                    "the last piece that was needed left; null: it is not complete",
                    "最后所需数量发出时间；空表示未发齐",
                ),
                first_due_at=("date agreed first", "最初约定交期"),
                due_at=("date that holds", "当前有效交期"),
                first_due_day=("the first date as plant's day", "最初约定交期（工厂日）"),
                due_day=("the date that holds as plant's day", "当前有效交期（工厂日）"),
                first_on_time_in_full=(
                    "on time in full against the first date",
                    "按最初约定交期准时足量",
                ),
                on_time_in_full=(
                    "on time in full against the date that holds",
                    "按当前交期准时足量",
                ),
                first_quantity_by_date=(
                    "quantity that left by the first date",
                    "最初交期前发出数量",
                ),
                quantity_by_date=(
                    "quantity that left by the date that holds",
                    "当前交期前发出数量",
                ),
                lead_ms=("received to shipped, ms", "接单至发货，毫秒"),
                processing_ms=("received to confirmed, ms", "接单至确认，毫秒"),
                delay_ms=("delay since the first date, ms", "相对最初交期的延误，毫秒"),
                makes_late=(
                    "of an order's lines the one that makes it late: count orders by it",
                    "订单中决定延误的行：按此统计订单数",
                ),
            ),
            *_KNOWN,
        ),
    ),
    View(
        name="delay_shares",
        words=Words(
            "What a late order's delay is made of; the shares of an order add up to its delay.",
            "延误订单的延误构成；同一订单各部分之和等于其延误。",
        ),
        figures=(("delay_cause", "sum(share_ms), by cause"),),
        as_of=True,
        columns=(
            *_columns(
                revision=_REVISION,
                order_number=("order's number", "订单号"),
                line_number=("line that makes the order late", "决定延误的订单行号"),
                site=_SITE,
                line=_LINE,
                customer=_CUSTOMER,
                item=_ITEM,
                first_due_at=("date agreed first", "最初约定交期"),
                first_due_day=("the first date as plant's day", "最初约定交期（工厂日）"),
                cause=("cause", "原因"),
                subject=("what or who: a machine, an item", "对象：设备、物料等"),
                share_ms=("this cause's part of the delay, ms", "该原因所占延误，毫秒"),
                delay_ms=("the order's delay, ms", "订单延误，毫秒"),
            ),
            *_KNOWN,
        ),
    ),
    View(
        name="lead_times",
        words=Words(
            "A stage of an order line's way; the stages of a line add up to its lead time.",
            "订单行的一个阶段；各阶段之和等于交付周期。",
        ),
        figures=(("lead_time", "sum(stage_ms) / count(DISTINCT revision), by stage"),),
        as_of=True,
        columns=(
            *_columns(
                revision=_REVISION,
                order_number=("order's number", "订单号"),
                line_number=("line of the order", "订单行号"),
                site=_SITE,
                line=_LINE,
                customer=_CUSTOMER,
                item=_ITEM,
                stage=("stage, named by what ends it", "阶段（以结束事件命名）"),
                position=("its place among the stages, from 1", "阶段顺序，从 1 起"),
                begins_at=("when the stage before ended", "上一阶段结束时间"),
                ends_at=("when it ended", "结束时间"),
                ends_day=("the same as plant's day", "结束时间（工厂日）"),
                stage_ms=("how long it took, ms", "所用时间，毫秒"),
            ),
            *_KNOWN,
        ),
    ),
    View(
        name="stock_moves",
        words=Words(
            "A change of an item's stock at a site, as the books have it; never rewritten.",
            "工厂物料库存的一笔变动，按账簿记录，不改写。",
        ),
        columns=_columns(
            move=("number in the books", "账簿编号"),
            site=_SITE,
            time_zone=("site's time zone", "工厂时区"),
            item=_ITEM,
            item_name=("item's name", "物料名称"),
            unit=("item's unit", "物料单位"),
            kind=("kind of posting", "业务类型"),
            occurred_at=("when it happened", "发生时间"),
            day=("the same as plant's day", "发生日（工厂日）"),
            change=("what stock rose by; below 0: fell", "库存增减；负数为减少"),
            used=(
                "what of it went to customers or into production",
                "其中发给客户或用于生产的数量",
            ),
            recorded_at=("when it was booked", "记账时间"),
        ),
    ),
    View(
        name="stock_days",
        words=Words(
            "An item at a site on a day of the plant: level and use, of the last 92 days. Of other"
            " days, or as of a moment: gemba_report.stock_days(first_day, last_day, as_of).",
            "工厂物料每日库存与耗用，最近 92 天。其他日期或历史时刻请用"
            " gemba_report.stock_days(first_day, last_day, as_of)。",
        ),
        figures=(
            (
                "inventory_turns",
                "sum(used) * 365 * 86400000 / sum(quantity_ms), of one item",
            ),
        ),
        columns=_columns(
            site=_SITE,
            item=_ITEM,
            item_name=("item's name", "物料名称"),
            unit=("item's unit", "物料单位"),
            day=("plant's day", "工厂日"),
            quantity=("stock at the day's end", "日末库存"),
            quantity_ms=(
                "stock times ms: divided by day_ms it is the average",
                "库存×毫秒；除以 day_ms 即平均库存",
            ),
            day_ms=("how long the day is, ms; up to now", "当日时长，毫秒；截至当前"),
            used=("went to customers or into production", "发给客户或用于生产"),
        ),
    ),
    View(
        name="answers",
        words=Words(
            "How soon the product answered questions about orders, as counted.",
            "系统答复订单查询的及时性。",
        ),
        figures=(("service_level", "sum(in_time) / sum(asked)"),),
        columns=_columns(
            question=("which call", "查询类型"),
            counted_from=("counted from then on", "计数开始时间"),
            recorded_at=("up to then", "计数截止时间"),
            in_time=("answered within 5 s", "5 秒内答复"),
            asked=("all that were asked", "全部查询"),
            failed=("were no answer", "失败"),
        ),
    ),
    View(
        name="definitions",
        words=Words("What each figure means.", "各项指标的定义。"),
        columns=_columns(
            code=("name in API, files and views", "在接口、文件与视图中的代码"),
            version=("rises when the definition changes", "定义变更时递增"),
            name_en=("name in English", "英文名称"),
            name_zh=("name in Chinese", "中文名称"),
            formula_en=("formula in English", "英文公式"),
            formula_zh=("formula in Chinese", "中文公式"),
            note_en=("what to know to compare, in English", "比较时须知（英文）"),
            note_zh=("what to know to compare, in Chinese", "比较时须知（中文）"),
            unit=("what it is told in", "单位"),
            better=("which way is better", "趋势"),
            source=("standard or book; empty: our own", "来源；空表示自定义"),
        ),
    ),
)

VIEWS: Final = {each.name: each for each in _ALL}
"""Every view by its name."""
