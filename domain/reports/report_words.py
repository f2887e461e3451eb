"""What documents of reports say besides figures, in English and Chinese."""

from __future__ import annotations

from typing import Final

from domain.reports.definitions import Better, Unit
from domain.reports.words import Words

TITLES: Final = {
    "overview": Words("Management overview", "管理概览"),
    "oee": Words("Overall equipment effectiveness", "设备综合效率"),
    "losses": Words("Losses by reason", "时间损失分析"),
    "stops": Words("Stops", "停机明细"),
    "load": Words("Load and bottlenecks", "负荷与瓶颈"),
    "scrap": Words("Scrap", "废品"),
    "delivery": Words("Delivery: on time in full", "交付：准时足量"),
    "lead-times": Words("Lead times", "交付周期"),
    "delay-causes": Words("Causes of delay", "延误原因"),
    "forecasts": Words("Accuracy of promised dates", "承诺日期准确度"),
    "turns": Words("Inventory turns", "库存周转"),
    "service-level": Words("Service level of status answers", "状态查询服务水平"),
}
"""What each report is called."""

SITE: Final = Words("Site", "工厂")
SITES: Final = Words("Sites", "工厂")
LINE: Final = Words("Line", "产线")
MACHINE: Final = Words("Machine", "设备")
EVERYTHING: Final = Words("All sites", "全部工厂")
PERIOD: Final = Words("Period", "期间")
AS_OF: Final = Words("As known at", "数据截至")
SCOPE: Final = Words("Scope", "范围")
FIGURES: Final = Words("Figures", "指标")
FIGURE: Final = Words("Figure", "指标")
VALUE: Final = Words("Value", "数值")
PREVIOUS: Final = Words("Before", "上期")
TARGET: Final = Words("Target", "目标")
MET: Final = Words("Reached", "是否达标")
YES: Final = Words("yes", "是")
NO: Final = Words("no", "否")
PART: Final = Words("Of which", "分子")
WHOLE: Final = Words("Out of", "分母")
REMARK: Final = Words("Remark", "说明")
ROWS: Final = Words("In detail", "明细")
SERIES: Final = Words("Over time", "趋势")
NAME: Final = Words("Name", "名称")
KEY: Final = Words("Key", "代码")
BEGINS: Final = Words("From", "开始")
ENDS: Final = Words("Until", "结束")
DEFINITIONS: Final = Words("What the figures mean", "指标定义")
FORMULA: Final = Words("Formula", "公式")
NOTE: Final = Words("Note", "备注")
SOURCE: Final = Words("Source", "来源")
UNIT: Final = Words("Unit", "单位")
BETTER: Final = Words("Better", "趋势")
VERSION: Final = Words("Version", "版本")
CODE: Final = Words("Name in files and views", "代码")
PAGE: Final = Words("Page {page} of {pages}", "第 {page} 页，共 {pages} 页")
PRELIMINARY: Final = Words(
    "Preliminary: what was told last is in it as it stands, and may still change.",
    "初步数据：最近上报的内容已计入，之后仍可能变化。",
)
NOTHING: Final = Words("Nothing to tell for this period.", "该期间没有数据。")
CUT: Final = Words(
    "{shown} of {all} rows are shown; the spreadsheet has them all.",
    "共 {all} 行，此处显示前 {shown} 行；完整内容见电子表格。",
)

UNITS: Final = {
    Unit.PERCENT: Words("percent", "百分比"),
    Unit.MS: Words("time", "时间"),
    Unit.PIECES: Words("pieces", "件数"),
    Unit.MONEY: Words("money", "金额"),
    Unit.PER_YEAR: Words("times a year", "次/年"),
    Unit.DAYS: Words("days", "天"),
    Unit.COUNT: Words("count", "次数"),
}
BETTERS: Final = {
    Better.HIGHER: Words("higher", "越高越好"),
    Better.LOWER: Words("lower", "越低越好"),
    Better.NEAR_ZERO: Words("near zero", "越接近零越好"),
    Better.NEITHER: Words("neither by itself", "不单独评价高低"),
}
