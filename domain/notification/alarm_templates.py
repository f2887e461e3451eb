"""What people are told of alarms, and the message that tries a way."""

from __future__ import annotations

from typing import Final

from domain.notification.templates import Field, TemplateKind, Words, at

_ALARM: Final = {
    "name": Field(
        about="The rule's name.",
        about_zh="规则名称。",
        sample="Machine down",
        sample_zh="机器停机",
    ),
    "response": Field(
        about="What has to be done, as the rule says it.",
        about_zh="规则要求的处置。",
        sample="Go to the machine; repair it, or tell maintenance how long it takes.",
        sample_zh="到机器旁检修，或告知维修预计时间。",
    ),
    "priority": Field(
        about="The priority, in words.", about_zh="优先级。", sample="high", sample_zh="高"
    ),
    "site": Field(about="The site's code.", about_zh="工厂代码。", sample="north"),
    "kind": Field(
        about="What kind of thing it is about.",
        about_zh="对象类型。",
        sample="machine",
        sample_zh="机器",
    ),
    "subject": Field(
        about="What it is about: a machine's path, an order's number.",
        about_zh="对象：机器路径、订单号等。",
        sample="north/saw/line-1/saw-2",
    ),
    "value": Field(about="What was measured, if anything.", about_zh="测得的值。", sample=7.5),
    "limit": Field(about="The rule's limit, if it has one.", about_zh="限值。", sample=5.0),
    "raised_at": Field(
        about="When it was raised, in the plant's time.",
        about_zh="触发时间（工厂时区）。",
        sample=at("2026-11-23T06:15:00+00:00"),
    ),
    "recipient": Field(
        about="Who is told.", about_zh="接收人。", sample="Mei Lin", sample_zh="林梅"
    ),
}
_STEP: Final = Field(
    about="Which step of the escalation it is, from 1.", about_zh="升级的第几步。", sample=2
)

_FACTS: Final = (
    "Priority: {priority}[[\nValue: {value}]][[ (limit {limit})]]\n"
    "Since: {raised_at}[[\nSite: {site}]][[\n\n{link}]]\n"
)
_FACTS_ZH: Final = (
    "优先级：{priority}[[\n数值：{value}]][[（限值 {limit}）]]\n"
    "触发时间：{raised_at}[[\n工厂：{site}]][[\n\n{link}]]\n"
)

ALARM_RAISED: Final = TemplateKind(
    name="alarm_raised",
    about="An alarm, told to somebody for the first time.",
    about_zh="首次通知报警。",
    fields=_ALARM,
    priority="high",
    words={
        "en": Words(
            subject="{name}: {subject}",
            text="{name}: {kind} {subject}\n\nWhat to do: {response}\n\n" + _FACTS,
            short="{name}: {subject}[[ ({value})]]. {response}",
        ),
        "zh-CN": Words(
            subject="{name}：{subject}",
            text="{name}：{kind} {subject}\n\n处置：{response}\n\n" + _FACTS_ZH,
            short="{name}：{subject}[[（{value}）]]。{response}",
        ),
    },
)
ALARM_ESCALATED: Final = TemplateKind(
    name="alarm_escalated",
    about="An alarm that nobody answered in time: a later step of its escalation.",
    about_zh="无人处理的报警升级。",
    fields={**_ALARM, "step": _STEP},
    priority="critical",
    words={
        "en": Words(
            subject="Not answered: {name}: {subject}",
            text="Nobody has answered this alarm yet; this is step {step} of its escalation.\n\n"
            "{name}: {kind} {subject}\n\nWhat to do: {response}\n\n" + _FACTS,
            short="Not answered (step {step}): {name}: {subject}. {response}",
        ),
        "zh-CN": Words(
            subject="尚未处理：{name}：{subject}",
            text="此报警尚无人处理，现为升级的第 {step} 步。\n\n"
            "{name}：{kind} {subject}\n\n处置：{response}\n\n" + _FACTS_ZH,
            short="尚未处理（第 {step} 步）：{name}：{subject}。{response}",
        ),
    },
)
ALARM_CLEARED: Final = TemplateKind(
    name="alarm_cleared",
    about="An alarm that is over, to those who were told of it.",
    about_zh="报警解除。",
    fields={
        **_ALARM,
        "cleared_at": Field(
            about="When it was over, in the plant's time.",
            about_zh="解除时间（工厂时区）。",
            sample=at("2026-11-23T06:43:00+00:00"),
        ),
        "minutes": Field(
            about="For how many minutes it stood.", about_zh="持续分钟数。", sample=28
        ),
    },
    priority="low",
    words={
        "en": Words(
            subject="Over: {name}: {subject}",
            text="Over: {name}, {kind} {subject}.\n\n"
            "From {raised_at} to {cleared_at} ({minutes} min)[[\nSite: {site}]][[\n\n{link}]]\n",
            short="Over: {name}: {subject}, after {minutes} min",
        ),
        "zh-CN": Words(
            subject="已解除：{name}：{subject}",
            text="已解除：{name}，{kind} {subject}。\n\n"
            "自 {raised_at} 至 {cleared_at}（{minutes} 分钟）[[\n工厂：{site}]][[\n\n{link}]]\n",
            short="已解除：{name}：{subject}，持续 {minutes} 分钟",
        ),
    },
)
ALARM_DIGEST: Final = TemplateKind(
    name="alarm_digest",
    about="Several messages in one: a flood, quiet hours, or a limit kept them back.",
    about_zh="汇总消息。",
    fields={
        "count": Field(about="How many messages.", about_zh="消息条数。", sample=3),
        "messages": Field(
            about="The messages, a line each.",
            about_zh="各条消息，每行一条。",
            sample=(
                "high - Machine down: north/saw/line-1/saw-2 - 23 Nov 2026, 06:15 UTC",
                "medium - Scrap rate high: north/saw/line-1/saw-1 - 23 Nov 2026, 06:20 UTC",
                "over - Machine down: north/saw/line-1/saw-2 - 23 Nov 2026, 06:43 UTC",
            ),
            sample_zh=(
                "高 - 机器停机：north/saw/line-1/saw-2 - 2026-11-23 06:15 UTC",
                "中 - 废品率过高：north/saw/line-1/saw-1 - 2026-11-23 06:20 UTC",
                "已解除 - 机器停机：north/saw/line-1/saw-2 - 2026-11-23 06:43 UTC",
            ),
        ),
    },
    words={
        "en": Words(
            subject="{count} alarm messages",
            text="{count} messages about alarms, kept back until now:\n\n{messages}"
            "[[\n\n{link}]]\n",
            short="{count} alarm messages: {messages}",
        ),
        "zh-CN": Words(
            subject="{count} 条报警消息",
            text="以下 {count} 条报警消息此前暂缓发送：\n\n{messages}[[\n\n{link}]]\n",
            short="{count} 条报警消息：{messages}",
        ),
    },
)
TEST: Final = TemplateKind(
    name="test",
    about="The message that tries a way.",
    about_zh="测试消息。",
    fields={
        "way": Field(about="The way's name.", about_zh="通道名称。", sample="Mail"),
        "by": Field(about="Who asked for it.", about_zh="发起人。", sample="mei", sample_zh="梅"),
        "asked_at": Field(
            about="When it was asked for.",
            about_zh="发起时间。",
            sample=at("2026-11-23T06:15:00+00:00"),
        ),
    },
    priority="low",
    words={
        "en": Words(
            subject="gemba: a test of {way}",
            text="This is a test. {by} asked for it at {asked_at}; messages reach you by"
            " {way}.[[\n\n{link}]]\n",
            short="gemba: a test of {way}, asked for by {by}",
        ),
        "zh-CN": Words(
            subject="gemba：{way} 测试",
            text="这是一条测试消息，由 {by} 于 {asked_at} 发起；消息可通过 {way} 送达。"
            "[[\n\n{link}]]\n",
            short="gemba：{way} 测试，由 {by} 发起",
        ),
    },
)
