"""What customers are told: that a date moved, and the question whether an address is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.customer_notices.reasons import PublicReason
from domain.notification.templates import Field, TemplateKind, Words, at

REASONS: Final[Mapping[str, Mapping[PublicReason, str]]] = {
    "en": {
        PublicReason.ORDER_CHANGED: "the order was changed",
        PublicReason.MATERIAL: "material for it is missing",
        PublicReason.MACHINE: "a machine is out of order",
        PublicReason.MAINTENANCE: "a machine is being serviced",
        PublicReason.PROGRESS: "the work takes longer than planned",
        PublicReason.CAPACITY: "there is more work than capacity until then",
        PublicReason.RECOVERED: "we have gained time again",
    },
    "zh-CN": {
        PublicReason.ORDER_CHANGED: "订单已变更",
        PublicReason.MATERIAL: "所需物料未到",
        PublicReason.MACHINE: "设备故障",
        PublicReason.MAINTENANCE: "设备检修",
        PublicReason.PROGRESS: "加工用时超出计划",
        PublicReason.CAPACITY: "此前产能不足",
        PublicReason.RECOVERED: "生产进度已赶回",
    },
}
"""All that is said of why, by language."""

_PERSON: Final = Field(
    about="Who is written to.", about_zh="收件人。", sample="Anna Berg", sample_zh="安娜"
)
_CUSTOMER: Final = Field(
    about="The customer's name.", about_zh="客户名称。", sample="Acme Ltd", sample_zh="安可有限公司"
)
_ORDER: Final = Field(about="Our number of the order.", about_zh="订单号。", sample="SO-1042")
_UNSUBSCRIBE: Final = Field(
    about="The address at which they say that they want no more of these.",
    about_zh="退订链接。",
    sample="https://gemba.example/v1/notices/AZk…/unsubscribe",
)

DATE_MOVED: Final = TemplateKind(
    name="customer_date_moved",
    about="A customer's expected date moved by more than they tolerate.",
    about_zh="客户订单的预计日期变动超出其容差。",
    fields={
        "recipient": _PERSON,
        "customer": _CUSTOMER,
        "order": _ORDER,
        "reference": Field(
            about="The customer's own name for it, if they gave one.",
            about_zh="客户自己的单号（如有）。",
            sample="PO-7781",
        ),
        "item": Field(
            about="What was ordered, where one line moved.",
            about_zh="品名（仅一行变动时）。",
            sample="480 pcs Bracket A",
            sample_zh="480 件 支架 A",
        ),
        "from": Field(
            about="The date they knew, where one line moved; in the plant's time.",
            about_zh="原预计日期（仅一行变动时，工厂时区）。",
            sample=at("2026-11-24T14:00:00+00:00"),
        ),
        "to": Field(
            about="The date that is expected now, where one line moved.",
            about_zh="现预计日期（仅一行变动时）。",
            sample=at("2026-11-25T09:30:00+00:00"),
        ),
        "count": Field(
            about="How many lines moved; empty for one.",
            about_zh="变动行数（仅一行时为空）。",
            sample=None,
        ),
        "lines": Field(
            about="The lines that moved, each with both dates; empty for one.",
            about_zh="各变动行及其日期（仅一行时为空）。",
            sample=None,
        ),
        "reason": Field(
            about="Why, in words that say nothing of machines or others.",
            about_zh="原因（不涉及具体设备或其他客户）。",
            sample="a machine is out of order",
            sample_zh="设备故障",
        ),
        "unsubscribe": _UNSUBSCRIBE,
    },
    words={
        "en": Words(
            subject="Order {order}[[: now expected {to}]][[: {count} dates have moved]]",
            text="Hello {recipient},\n\n"
            "the expected date of order {order}[[ (your {reference})]] has moved.\n\n"
            "[[{item}\nnow expected: {to}\nbefore: {from}\n]]"
            "[[{lines}\n]]\n"
            "Reason: {reason}.\n"
            "[[\nWhere the order is, at any time: {link}\n]]"
            "[[\nNo more of these messages: {unsubscribe}\n]]",
            short="Order {order}[[: now expected {to}]][[: {count} dates have moved]]. {reason}",
        ),
        "zh-CN": Words(
            subject="订单 {order}[[ 预计日期调整为 {to}]][[ 有 {count} 行预计日期变动]]",
            text="{recipient}，您好！\n\n"
            "订单 {order}[[（贵方单号 {reference}）]] 的预计日期有变动。\n\n"
            "[[{item}\n现预计：{to}\n原预计：{from}\n]]"
            "[[{lines}\n]]\n"
            "原因：{reason}。\n"
            "[[\n随时查看订单进度：{link}\n]]"
            "[[\n不再接收此类消息：{unsubscribe}\n]]",
            short="订单 {order}[[ 预计日期调整为 {to}]][[ 有 {count} 行预计日期变动]]。{reason}",
        ),
    },
)
CONFIRM: Final = TemplateKind(
    name="customer_confirm",
    about="The question to an address whether it wants to be told of a customer's dates.",
    about_zh="确认邮箱是否接收交期变动消息。",
    fields={
        "customer": _CUSTOMER,
        "order": Field(
            about="The order, if it is about one.",
            about_zh="订单号（如针对单个订单）。",
            sample="SO-1042",
        ),
        "days": Field(
            about="For how many days it can be confirmed.", about_zh="确认有效天数。", sample=7
        ),
    },
    priority="high",
    words={
        "en": Words(
            subject="Please confirm: messages when a date moves[[ (order {order})]]",
            text="Somebody, you we hope, asked that this address be told when the expected date"
            " of[[ order {order} of]] {customer} moves.\n\n"
            "Please confirm it within {days} days:[[\n{link}]]\n\n"
            "If it was not you, do nothing: nothing more will be sent.\n",
            short="Confirm that you want to be told when a date of {customer} moves",
        ),
        "zh-CN": Words(
            subject="请确认：接收交期变动消息[[（订单 {order}）]]",
            text="有人（应为您本人）申请向此地址发送 {customer} [[订单 {order} ]]的交期变动消息。"
            "\n\n请在 {days} 天内确认：[[\n{link}]]\n\n"
            "若非您本人操作，请忽略本邮件，我们不会再发送消息。\n",
            short="请确认是否接收 {customer} 的交期变动消息",
        ),
    },
)
