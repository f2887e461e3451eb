"""What each figure means, as data: shown beside the number, and the SQL views' data dictionary.

A definition changes with the code that reckons it: `version` rises, and a stored report keeps the
one that it was made with.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from domain.reports.words import Words


class Unit(enum.StrEnum):
    """What a figure is told in."""

    PERCENT = "percent"
    """A ratio, shown times 100."""
    MS = "ms"
    PIECES = "pieces"
    MONEY = "money"
    PER_YEAR = "per_year"
    DAYS = "days"
    COUNT = "count"


class Better(enum.StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"
    NEAR_ZERO = "near_zero"
    NEITHER = "neither"


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A figure in words.

    Attributes:
        code: its name in the API, in views and files.
        formula: short enough to stand beside the number.
        note: what the plant has to know to compare it with others' figures.
        source: standard or book; empty: our own.
    """

    code: str
    name: Words
    formula: Words
    note: Words
    unit: Unit
    better: Better
    source: str = ""
    version: int = 1


_ISO: Final = "ISO 22400-2:2014"


def _of(
    code: str,
    *,
    name: tuple[str, str],
    formula: tuple[str, str],
    note: tuple[str, str],
    unit: tuple[Unit, Better],
    source: str = "",
) -> Definition:
    return Definition(
        code=code,
        name=Words(*name),
        formula=Words(*formula),
        note=Words(*note),
        unit=unit[0],
        better=unit[1],
        source=source,
    )


_UP: Final = (Unit.PERCENT, Better.HIGHER)
_DOWN: Final = (Unit.PERCENT, Better.LOWER)
_SHORTER: Final = (Unit.MS, Better.LOWER)

_ALL: Final = (
    _of(
        "oee",
        name=("OEE index", "设备综合效率 OEE"),
        formula=("availability × effectiveness × quality ratio", "可用率 × 性能率 × 质量率"),
        note=(
            "Of several machines every element is summed before the ratios are taken.",
            "多台设备时，先对各时间与数量要素求和，再计算比率。",
        ),
        unit=_UP,
        source=_ISO,
    ),
    _of(
        "availability",
        name=("Availability", "可用率"),
        formula=(
            "actual production time (APT) / planned busy time (PBT)",
            "实际生产时间 (APT) / 计划占用时间 (PBT)",
        ),
        note=(
            (
                "PBT: calendar less planned stops, plus overtime. Set-up, delays, idle and unknown"
                " time are losses; micro-stops are, unless the plant's policy counts them as"
                " performance."
            ),
            (
                "PBT 为日历工作时间减去计划停机，再加上加班。换型、延误、空闲和未知时间均计为损失；"
                "微停默认计入可用率损失，可按工厂策略改计为性能损失。"
            ),
        ),
        unit=_UP,
        source=_ISO,
    ),
    _of(
        "effectiveness",
        name=("Effectiveness", "性能率"),
        formula=(
            "planned run time per item (PRI) × produced quantity (PQ) / APT",
            "单件计划加工时间 (PRI) × 产出数量 (PQ) / APT",
        ),
        note=(
            (
                "May exceed 100 % where planned run times are too generous. No number when pieces"
                " were made without a planned run time."
            ),
            "计划工时偏宽时可能超过 100 %。若有产出缺少计划工时，则不给出数值。",
        ),
        unit=_UP,
        source=_ISO,
    ),
    _of(
        "quality_ratio",
        name=("Quality ratio", "质量率"),
        formula=("good quantity (GQ) / produced quantity (PQ)", "良品数量 (GQ) / 产出数量 (PQ)"),
        note=(
            "Pieces of rework orders are not counted again.",
            "返工单的数量不重复计入。",
        ),
        unit=_UP,
        source=_ISO,
    ),
    _of(
        "coverage",
        name=("Coverage", "数据覆盖率"),
        formula=(
            "planned busy time of which something is known / planned busy time",
            "有数据的计划占用时间 / 计划占用时间",
        ),
        note=(
            "Where it is low, the other figures say more about the connection than the machine.",
            "覆盖率低时，其他指标更多反映的是连接状况，而非设备状况。",
        ),
        unit=_UP,
    ),
    _of(
        "utilization",
        name=("Utilization", "设备利用率"),
        formula=(
            "production and set-up (APT + AUST) / planned busy time (PBT)",
            "（实际生产时间 + 换型时间）/ 计划占用时间 (PBT)",
        ),
        note=(
            "In the load report by working time, as far as that is over.",
            "负荷报表中以已过去的工作时间为分母。",
        ),
        unit=(Unit.PERCENT, Better.NEITHER),
        source=_ISO,
    ),
    _of(
        "lost_time",
        name=("Lost time by reason", "按原因的时间损失"),
        formula=(
            "planned busy time that was not production, by reason",
            "计划占用时间中未生产的时间，按原因",
        ),
        note=("Shares add up to 100 % of what was lost.", "各原因占比之和为全部损失的 100 %。"),
        unit=_SHORTER,
        source=_ISO,
    ),
    _of(
        "micro_stops",
        name=("Micro-stops", "微停"),
        formula=(
            "stops between two stretches of production, shorter than the threshold (5 minutes)",
            "两段生产之间、短于阈值（5 分钟）的停机",
        ),
        note=(
            "Counted where they begin; a stop with a reason that classes it is none.",
            "按开始时刻计数；已按原因归类的停机不算微停。",
        ),
        unit=(Unit.COUNT, Better.LOWER),
    ),
    _of(
        "on_time_in_full",
        name=("On time in full", "准时足量交付率"),
        formula=(
            "order lines completely delivered by their date / order lines due in the period",
            "按期足量交付的订单行 / 期间内到期的订单行",
        ),
        note=(
            (
                "Dates: those that hold now, or the first that were agreed. Partial deliveries"
                " count when all of them left in time. Tolerances are the customer's."
            ),
            "日期可选当前有效日期或最初约定日期。分批交付时须全部按期发出。允差按客户约定。",
        ),
        unit=_UP,
        source="McKinsey & Trading Partner Alliance, 2019",
    ),
    _of(
        "fulfilment_rate",
        name=("Fulfilment rate", "订单满足率"),
        formula=(
            "quantity delivered by its date / quantity due in the period",
            "按期交付数量 / 期间内到期数量",
        ),
        note=(
            "By line at most what was ordered; one unit of measure at a time.",
            "每行最多计至订购数量；按同一计量单位分别统计。",
        ),
        unit=_UP,
        source="Silver, Pyke & Thomas",
    ),
    _of(
        "lead_time",
        name=("Lead time", "交付周期"),
        formula=("last milestone − received, by stage", "最后节点时间 − 接单时间，按阶段"),
        note=(
            "By the clock, nights included; stages add up to it exactly.",
            "按自然时间计（含夜间）；各阶段之和等于总周期。",
        ),
        unit=_SHORTER,
    ),
    _of(
        "order_processing_time",
        name=("Order processing time", "订单处理时间"),
        formula=("confirmed − received", "确认时间 − 接单时间"),
        note=("What the order desk takes, review included.", "订单处理环节所用时间，含审核。"),
        unit=_SHORTER,
    ),
    _of(
        "delay_cause",
        name=("Causes of delay", "延误原因"),
        formula=(
            "each cause's share of the delay of late orders",
            "各原因在延误订单总延误中的占比",
        ),
        note=(
            (
                "Per order: the customer's changes, then what the first plan foresaw, then what"
                " happened on the floor; what nothing explains is told as such. Shares add up to"
                " the delay."
            ),
            (
                "按订单依次归因：客户变更、首次计划已预见的延误、现场实际发生的事件；"
                "无法解释的部分单独列出。各部分之和等于延误。"
            ),
        ),
        unit=_SHORTER,
    ),
    _of(
        "load",
        name=("Load", "负荷率"),
        formula=("needed set-up and run time / working time", "所需换型与加工时间 / 工作时间"),
        note=(
            (
                "Of the past what was used, of what is to come what the plans in force need. Above"
                " 100 %: more than fits."
            ),
            "过去按实际占用，未来按生效计划所需。超过 100 % 表示超出产能。",
        ),
        unit=(Unit.PERCENT, Better.NEITHER),
        source="Hopp & Spearman, Factory Physics",
    ),
    _of(
        "scrap_ratio",
        name=("Scrap ratio", "废品率"),
        formula=("scrap quantity / produced quantity", "废品数量 / 产出数量"),
        note=(
            "By operation. What rework scraps is scrap too; what it makes is not produced again.",
            "按工序统计。返工报废计入废品，返工产出不重复计入产量。",
        ),
        unit=_DOWN,
        source=_ISO,
    ),
    _of(
        "scrap_cost",
        name=("Scrap cost", "废品成本"),
        formula=("scrapped pieces × unit cost", "废品数量 × 单位成本"),
        note=(
            "Pieces without a unit cost are told beside it and are not in it.",
            "缺少单位成本的数量单独列出，不计入金额。",
        ),
        unit=(Unit.MONEY, Better.LOWER),
    ),
    _of(
        "inventory_turns",
        name=("Inventory turns", "库存周转率"),
        formula=(
            "shipped and used × (365 days / period) / average stock",
            "发货与耗用 ×（365 天 / 期间）/ 平均库存",
        ),
        note=(
            "The average is taken over time, not over month ends.",
            "平均库存按时间加权，而非取月末值。",
        ),
        unit=(Unit.PER_YEAR, Better.HIGHER),
        source="Silver, Pyke & Thomas",
    ),
    _of(
        "forecast_wape",
        name=("Error of promised dates (WAPE)", "承诺日期误差 (WAPE)"),
        formula=(
            "Σ |promised − actual| / Σ (actual − when it was promised)",
            "Σ |承诺 − 实际| / Σ（实际 − 承诺时刻）",
        ),
        note=(
            "To compare by; MAPE weighs short promises more.",
            "建议用于比较；MAPE 对短期承诺权重更大。",
        ),
        unit=_DOWN,
        source="Kolassa & Schuetz, 2007",
    ),
    _of(
        "forecast_mape",
        name=("Error of promised dates (MAPE)", "承诺日期误差 (MAPE)"),
        formula=(
            "mean of |promised − actual| / (actual − when it was promised)",
            "|承诺 − 实际| /（实际 − 承诺时刻）的平均值",
        ),
        note=(
            "Promises that were made when all was over are left out.",
            "完工之后才作出的承诺不计入。",
        ),
        unit=_DOWN,
        source="Hyndman & Athanasopoulos",
    ),
    _of(
        "forecast_bias",
        name=("Bias of promised dates", "承诺日期偏差"),
        formula=(
            "Σ (promised − actual) / Σ (actual − when it was promised)",
            "Σ（承诺 − 实际）/ Σ（实际 − 承诺时刻）",
        ),
        note=(
            "Below 0: orders come later than promised.",
            "小于 0 表示实际晚于承诺。",
        ),
        unit=(Unit.PERCENT, Better.NEAR_ZERO),
        source="Hyndman & Athanasopoulos",
    ),
    _of(
        "service_level",
        name=("Service level of status answers", "状态查询服务水平"),
        formula=("answers within 5 s / all that were asked", "5 秒内的答复 / 全部查询"),
        note=("Failed answers count, and never as in time.", "失败的答复计入总数，但不算及时。"),
        unit=_UP,
    ),
    _of(
        "on_time",
        name=("On time", "准时率"),
        formula=(
            "order lines of which nothing that was needed left after their date / lines due",
            "所需数量均未晚于约定日期发出的订单行 / 到期订单行",
        ),
        note=(
            "A line of which nothing has left is not on time.",
            "尚未发货的订单行不算准时。",
        ),
        unit=_UP,
    ),
    _of(
        "in_full",
        name=("In full", "足量率"),
        formula=(
            "order lines delivered completely, whenever / lines due in the period",
            "已足量交付（不论何时）的订单行 / 期间内到期订单行",
        ),
        note=(
            "As far as is known at the moment that is asked about.",
            "以查询时点的已知情况为准。",
        ),
        unit=_UP,
    ),
    _of(
        "orders_on_time_in_full",
        name=("On time in full, by order", "准时足量交付率（按订单）"),
        formula=(
            "orders whose lines due in the period are all on time in full / orders with such lines",
            "期间内到期订单行全部准时足量的订单 / 有到期行的订单",
        ),
        note=(
            "An order that is due in two periods counts in both.",
            "跨两个期间到期的订单在两个期间各计一次。",
        ),
        unit=_UP,
    ),
    _of(
        "due_lines",
        name=("Order lines due", "到期订单行"),
        formula=(
            "order lines whose date lies in the period and is over",
            "日期在期间内且已过的订单行",
        ),
        note=(
            "Cancelled lines and lines without a date are not among them.",
            "不含已取消及无日期的订单行。",
        ),
        unit=(Unit.COUNT, Better.NEITHER),
    ),
    _of(
        "lead_time_median",
        name=("Lead time, median", "交付周期（中位数）"),
        formula=(
            "half of the lines took no longer (nearest rank)",
            "一半的订单行不超过此时长（最近秩）",
        ),
        note=("Medians do not add up over stages.", "各阶段中位数之和不等于总中位数。"),
        unit=_SHORTER,
    ),
    _of(
        "lead_time_p90",
        name=("Lead time, 90 %", "交付周期（90 分位）"),
        formula=(
            "nine of ten lines took no longer (nearest rank)",
            "十分之九的订单行不超过此时长（最近秩）",
        ),
        note=("What one can promise nine times of ten.", "十次中有九次可以承诺的周期。"),
        unit=_SHORTER,
    ),
    _of(
        "order_processing_p90",
        name=("Order processing time, 90 %", "订单处理时间（90 分位）"),
        formula=(
            "nine of ten lines took no longer (nearest rank)",
            "十分之九的订单行不超过此时长（最近秩）",
        ),
        note=("Of the same lines as the mean.", "与平均值取自相同的订单行。"),
        unit=_SHORTER,
    ),
    _of(
        "delay",
        name=("Delay", "延误时长"),
        formula=(
            "complete, or the last full hour, − the date agreed first; of late orders",
            "延误订单的完成时间 − 最初约定日期；未完成的计至最近整点",
        ),
        note=(
            "An order counts once, with its latest line.",
            "每个订单只计一次，取其延误最长的行。",
        ),
        unit=_SHORTER,
    ),
    _of(
        "late_orders",
        name=("Late orders", "延误订单"),
        formula=(
            "orders with a line complete after its first date, or not complete and past it",
            "有订单行晚于最初约定日期完成、或已过期未完成的订单",
        ),
        note=(
            "Of a cause: orders in whose delay it has a share.",
            "按原因统计时：该原因在其延误中占有份额的订单。",
        ),
        unit=(Unit.COUNT, Better.LOWER),
    ),
    _of(
        "forecast_error",
        name=("Mean error of promised dates", "承诺日期平均误差"),
        formula=("mean of |promised − actual|", "|承诺 − 实际| 的平均值"),
        note=("In time, whichever way it is off.", "以时长计，不分早晚。"),
        unit=_SHORTER,
        source="Hyndman & Athanasopoulos",
    ),
    _of(
        "inventory_days",
        name=("Days on hand", "库存天数"),
        formula=("365 days / inventory turns", "365 天 / 库存周转率"),
        note=(
            "How long the average stock would last at the period's use.",
            "按期间内的耗用速度，平均库存可维持的天数。",
        ),
        unit=(Unit.DAYS, Better.LOWER),
    ),
    _of(
        "stock_average",
        name=("Average stock", "平均库存"),
        formula=("the level's integral over time / period", "库存水平对时间的积分 / 期间"),
        note=(
            "In the item's unit, or in money for several items.",
            "单一物料以其单位计，多物料以金额计。",
        ),
        unit=(Unit.PIECES, Better.NEITHER),
    ),
    _of(
        "answers",
        name=("Questions about orders", "订单查询次数"),
        formula=("answers that were asked for, failed ones included", "全部查询次数，含失败"),
        note=(
            "Counted for five minutes at a time; what a killed process had not written is missing.",
            "由 API 每五分钟汇总一次；被强制终止的进程尚未写入的部分不计。",
        ),
        unit=(Unit.COUNT, Better.NEITHER),
    ),
    _of(
        "stage_share",
        name=("Share of lead time", "占交付周期比例"),
        formula=("the stage's time / all lead time", "该阶段时间 / 全部交付周期"),
        note=("Shares of the stages add up to 100 %.", "各阶段占比之和为 100 %。"),
        unit=(Unit.PERCENT, Better.NEITHER),
    ),
    _of(
        "ended_lines",
        name=("Order lines that came to the end", "到达终点的订单行"),
        formula=(
            "order lines that reached the last milestone in the period",
            "期间内到达最后节点的订单行",
        ),
        note=("Lead times are of these.", "交付周期按这些订单行计算。"),
        unit=(Unit.COUNT, Better.NEITHER),
    ),
    _of(
        "delay_share",
        name=("Share of all delay", "占总延误比例"),
        formula=("the part's delay / all delay", "该部分延误 / 总延误"),
        note=("Shares add up to 100 %.", "各部分占比之和为 100 %。"),
        unit=(Unit.PERCENT, Better.NEITHER),
    ),
    _of(
        "cumulative_share",
        name=("Cumulative share", "累计占比"),
        formula=("this part and all greater ones / all", "本部分及更大各部分之和 / 总量"),
        note=("The line of a Pareto chart.", "帕累托图的累计曲线。"),
        unit=(Unit.PERCENT, Better.NEITHER),
    ),
    _of(
        "forecasts",
        name=("Dates judged", "已验证的日期"),
        formula=("promised dates whose orders have come", "订单已完成的承诺日期"),
        note=(
            "Promised: the date agreed first. Planned: the plan's, 1, 3, 7, 14, 28 days before.",
            "承诺：最初约定日期。计划：完工前 1、3、7、14、28 天时生效计划给出的完工时间。",
        ),
        unit=(Unit.COUNT, Better.NEITHER),
    ),
    _of(
        "late_forecasts",
        name=("Later than promised", "晚于承诺"),
        formula=("dates that were passed / dates judged", "被超过的日期 / 已验证的日期"),
        note=("By however little.", "不论超出多少。"),
        unit=_DOWN,
    ),
)

DEFINITIONS: Final = {each.code: each for each in _ALL}
"""Every figure by its code."""
