"""What mails with reports say."""

from __future__ import annotations

from typing import Final

from domain.notification.templates import Field, TemplateKind, Words, at

REPORT: Final = TemplateKind(
    name="report",
    about="Reports by e-mail, as files.",
    about_zh="以邮件附件发送的报表。",
    priority="low",
    fields={
        "name": Field(
            about="The schedule's name.",
            about_zh="发送计划名称。",
            sample="Daily report, north",
            sample_zh="北厂日报",
        ),
        "scope": Field(
            about="What it is of.", about_zh="范围。", sample="Site: north", sample_zh="工厂：north"
        ),
        "period": Field(about="Of which days.", about_zh="期间。", sample="2026-11-22"),
        "as_of": Field(
            about="What was known then is in it.",
            about_zh="数据截至的时刻。",
            sample=at("2026-11-22T22:00:00+00:00"),
        ),
        "figures": Field(
            about="The figures in short, a line each.",
            about_zh="主要指标，每行一项。",
            sample=("OEE index: 72.6 % (target 75.0 %)", "On time in full: 96.1 %"),
            sample_zh=("设备综合效率 OEE：72.6 %（目标 75.0 %）", "准时足量交付率：96.1 %"),
        ),
        "late": Field(
            about="That it comes late, and what was left out; empty when it is in time.",
            about_zh="迟发及漏发说明；按时发送时为空。",
            sample="This report was due at 2026-11-23 06:00.",
            sample_zh="本报表应于 2026-11-23 06:00 发送。",
        ),
        "problems": Field(
            about="What could not be made, and why; empty when nothing.",
            about_zh="无法生成的内容及原因；没有时为空。",
            sample="The PDF could not be made: no font with Chinese characters is installed.",
            sample_zh="无法生成 PDF：未安装中文字体。",
        ),
        "files": Field(
            about="The attachments' names.",
            about_zh="附件名称。",
            sample=("oee_north_2026-11-22.pdf", "oee_north_2026-11-22.xlsx"),
        ),
    },
    words={
        "en": Words(
            subject="{name}: {period}",
            text="{name}\n{scope}\nPeriod: {period}\nAs known at: {as_of}\n[[\n{late}\n]]"
            "[[\n{figures}\n]][[\n{problems}\n]][[\nAttached:\n{files}\n]][[\n{link}\n]]",
            short="{name}: {period}",
        ),
        "zh-CN": Words(
            subject="{name}：{period}",
            text="{name}\n{scope}\n期间：{period}\n数据截至：{as_of}\n[[\n{late}\n]]"
            "[[\n{figures}\n]][[\n{problems}\n]][[\n附件：\n{files}\n]][[\n{link}\n]]",
            short="{name}：{period}",
        ),
    },
)
