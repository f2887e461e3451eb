"""A payload for every call that changes something, in an order in which each of them can be done.

They are done one after the other in the plant of `conftest.py`. A word in braces stands for what an
earlier answer told (`keep`), in addresses and in bodies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from api_client import MACHINE, SITE

SAMPLES: Final = Path(__file__).parents[2] / "docs" / "howto" / "samples"
FAR: Final = "plant-2/cutting/line1/m09"
DUE: Final = "2027-03-01T12:00:00Z"


@dataclass(frozen=True)
class Change:
    """A call that changes something.

    Attributes:
        operation: its id in the API's description; None: it only prepares what follows.
        call: method and address.
        body: JSON, or bytes with their type.
        query: of the address.
        keep: names of what is told, and where it stands in the answer.
        kind: what the entry has to be about; None: any.
    """

    operation: str | None
    call: str
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)
    keep: dict[str, str] = field(default_factory=dict)
    kind: str | None = "order"


@dataclass(frozen=True)
class Raw:
    """A body that is no JSON."""

    media_type: str
    content: bytes


def order(number: str, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An order of acme's."""
    wanted = list(lines) or [{"item": "bracket", "quantity": 5, "due_at": DUE}]
    return {"site": SITE, "number": number, "customer": "acme", "lines": wanted} | more


def goods(**more: Any) -> dict[str, Any]:
    """Brackets at a place."""
    return {"site": SITE, "lines": [{"item": "bracket", "location": "A-01", "quantity": 4} | more]}


_STEP: Final = {"number": 10, "machine": MACHINE, "cycle_ms": 1000}
_PATTERN: Final = {"shift": "day", "weekdays": ["mon"], "start": "08:00", "end": "16:00"}
_CREW: Final = f"resources: [{{site: {SITE}, code: li, name: Li, kind: operator}}]".encode()
_SHIFT: Final = {"shift": "early", "weekday": 0, "start": "06:00", "end": "14:00"}

MASTER_DATA: Final = (
    Change("putSite", f"PUT /v1/sites/{SITE}", {"name": "P", "time_zone": "UTC"}, kind="site"),
    Change("putCalendar", f"PUT /v1/sites/{SITE}/calendar",
           {"working_times": [_SHIFT], "exceptions": []}, kind="site"),
    Change("putMachine", f"PUT /v1/machines/{MACHINE}", {"name": "S"}, kind="machine"),
    Change("putSetups", f"PUT /v1/machines/{MACHINE}/setups",
           {"setups": [{"from_family": "a", "to_family": "b", "setup_ms": 1000}]}, kind="machine"),
    Change("putCustomer", "PUT /v1/customers/new", {"name": "New"}, kind="customer"),
    Change("putItem", "PUT /v1/items/new", {"name": "New"}, kind="item"),
    Change("putSupplier", "PUT /v1/suppliers/steel", {"name": "Steel Ltd"}, kind="supplier"),
    Change("importMasterData", "POST /v1/master-data",
           Raw("application/yaml", (SAMPLES / "small.yaml").read_bytes()), kind="master_data"),
    Change(None, "POST /v1/master-data", Raw("application/yaml", _CREW)),
    Change("tellAbsence", "POST /v1/resources/1/absences", {"reason": "ill"},
           keep={"absence": "id"}, kind="resource"),
    Change("endAbsence", "DELETE /v1/resources/1/absences/{absence}", kind="resource"),
    Change("planMaintenance", f"POST /v1/machines/{MACHINE}/maintenance",
           {"starts_at": DUE, "ends_at": "2027-03-01T13:00:00Z", "reason": "oil"},
           keep={"maintenance": "id"}, kind="machine"),
    Change("giveUpMaintenance", f"DELETE /v1/machines/{MACHINE}/maintenance/{{maintenance}}",
           kind="machine"),
    Change("putShiftPattern", "PUT /v1/shift-patterns/two",
           {"name": "Two", "shifts": [_PATTERN]}, kind=None),
    Change("putShiftPlan", "PUT /v1/shift-plans",
           {"at": SITE, "pattern": "two", "valid_from": "2027-01-01"}, kind=None),
    Change("deleteShiftPlan", "DELETE /v1/shift-plans", query={"at": SITE, "valid_from":
           "2027-01-01"}, kind=None),
    Change("deleteShiftPattern", "DELETE /v1/shift-patterns/two", kind=None),
    Change("putSpecialDay", "PUT /v1/special-days",
           {"at": SITE, "day": "2027-05-01", "reason": "holiday"}, kind=None),
    Change("deleteSpecialDay", "DELETE /v1/special-days",
           query={"at": SITE, "day": "2027-05-01"}, kind=None),
)  # fmt: skip

ORDERS: Final = (
    Change("putReviewPolicy", "PUT /v1/review/policies",
           {"site": SITE, "auto_confirm": False}, kind="review_policy"),
    Change("takeOrderIn", "POST /v1/orders", order("SO-1")),
    Change("takeOrdersIn", "POST /v1/orders/batch", {"orders": [order("SO-2"), order("SO-3")]}),
    Change("changeOrder", "PATCH /v1/orders/SO-1",
           {"priority": 5, "version": 1, "reason": "they called"}),
    Change(None, "PUT /v1/items/both", {"name": "Both", "routings": [
        {"site": SITE, "steps": [_STEP | {"name": "Saw"}]},
        {"site": "plant-2", "steps": [_STEP | {"name": "Saw", "machine": FAR}]}]}),
    Change(None, "POST /v1/orders", order("SO-6", {"item": "both", "quantity": 5})),
    Change("assignLineSite", "POST /v1/orders/SO-6/lines/1/site",
           {"site": "plant-2", "reason": "nearer"}),
    Change("holdOrder", "POST /v1/orders/SO-1/hold", {"reason": "credit limit"}),
    Change("resumeOrder", "POST /v1/orders/SO-1/resume", {"reason": "paid"}),
    Change("confirmOrder", "POST /v1/orders/SO-1/confirm", {"overrule": "meant so"}),
    Change("confirmOrders", "POST /v1/orders/confirm",
           {"numbers": ["SO-2"], "overrule": "meant so"}),
    Change("actOnOrders", "POST /v1/orders/actions",
           {"numbers": ["SO-2"], "action": {"do": "hold", "reason": "credit limit"}}),
    Change("rejectOrder", "POST /v1/orders/SO-3/reject", {"reason": "we do not make it"}),
    Change("releaseOrder", "POST /v1/orders/SO-1/release"),
    Change("createTrackingLink", "POST /v1/orders/SO-1/tracking-links", {"days": 30},
           keep={"link": "id", "token": "token"}),
    Change("revokeTrackingLink", "DELETE /v1/tracking-links/{link}"),
    Change("cancelOrder", "POST /v1/orders/SO-1/cancel", {"reason": "they do not want it"}),
    Change("putOrderView", "PUT /v1/orders/views/mine", {"shared": True}, kind="order_view"),
    Change("deleteOrderView", "DELETE /v1/orders/views/mine", kind="order_view"),
)  # fmt: skip

INTAKE: Final = (
    Change("putColumnMapping", "PUT /v1/intake/mappings/acme",
           {"format": "csv", "mapping": {"columns": {
               "order_number": "Order", "item": "Item", "quantity": "Qty"}}}, kind=None),
    Change("takeDocumentsIn", "POST /v1/intake/edifact",
           Raw("application/octet-stream", (SAMPLES / "orders.edi").read_bytes()),
           query={"site": SITE}, keep={"strange": "documents.0.order"}),
    Change("settleFinding", "POST /v1/orders/{strange}/findings/{finding}/settle",
           {"reason": "asked"}),
    Change("assignItem", "POST /v1/orders/{strange}/lines/1/item",
           {"item": "bracket", "remember": True}),
    Change("assignCustomer", "POST /v1/orders/{strange}/customer", {"customer": "globex"}),
    Change("reviewAgain", "POST /v1/review/rejudge", {"numbers": ["{strange}"]}),
    Change("putChannel", "PUT /v1/channels/erp",
           {"format": "kingdee", "site": SITE, "secret": "eight or more",
            "poll": {"account": "a", "server": "http://127.0.0.1:9", "user": "u"}},
           kind="channel"),
    Change("pollChannel", "POST /v1/channels/erp/poll", kind="channel"),
    Change("putChannelOutbound", "PUT /v1/channels/erp/outbound", {}, kind="channel"),
    Change("acknowledgeOutbound", "POST /v1/outbound/{document}/acknowledge",
           {"state": "taken"}, kind=None),
    Change("resendOutbound", "POST /v1/outbound/{document}/resend", kind=None),
    Change("deleteChannel", "DELETE /v1/channels/erp", kind="channel"),
)  # fmt: skip

WORK: Final = (
    Change("putWorkOrderPolicy", f"PUT /v1/sites/{SITE}/work-order-policy",
           {"join_open": True, "at_release": True}, kind="work_order_policy"),
    Change("planWorkOrder", "POST /v1/work-orders",
           {"site": SITE, "number": "W-1", "item": "bracket", "quantity_ordered": 4,
            "operations": [_STEP]}, keep={"work": "id", "lockable": "operations.0.id"},
           kind="work_order"),
    Change("lockOperation", "PUT /v1/operations/{lockable}/lock",
           {"machine": MACHINE, "not_before": DUE}, kind="work_order"),
    Change("unlockOperation", "DELETE /v1/operations/{lockable}/lock", kind="work_order"),
    Change("cancelWorkOrder", "POST /v1/work-orders/{work}/cancel", {"reason": "not needed"},
           kind="work_order"),
    Change("reportJob", f"POST /v1/machines/{MACHINE}/job",
           {"event": "started", "work_order": "W", "operation": 1}, kind="machine"),
    Change("replayDeadLetter", "POST /v1/dead-letters/1/replay", kind="dead_letter"),
    Change(None, "POST /v1/orders", order("SO-5", release=True)),
    Change("applyRearrangement", "POST /v1/work-orders/apply",
           {"wish": "{wish}", "token": "{preview}"}, keep={"rearrangement": "id"}, kind=None),
    Change("undoRearrangement", "POST /v1/rearrangements/{rearrangement}/undo", {}, kind=None),
    Change("makeUpShortage", "POST /v1/work-order-shortages/{shortage}/make-up",
           {"kind": "replacement"}, kind=None),
    Change("dismissShortage", "POST /v1/work-order-shortages/{shortage}/dismiss",
           {"reason": "enough"}, kind=None),
    Change("acknowledgeRequest", f"POST /v1/machines/{MACHINE}/acknowledge",
           {"work_order": "{asked}"}, kind=None),
    Change("publishPlan", "POST /v1/plans/{plan}/publish", kind=None),
    Change("discardPlan", "POST /v1/plans/{plan}/discard", kind=None),
    Change("makeDraft", f"POST /v1/planning/{SITE}/drafts",
           {"name": "stop", "improve_ms": 0, "changes": [
               {"kind": "machine_down", "machine": MACHINE, "starts_at": DUE,
                "ends_at": "2027-03-01T13:00:00Z"}]}, keep={"thought": "id"}, kind="plan"),
    Change("rebaseDraft", "POST /v1/plans/{thought}/rebase", keep={"again": "id"}, kind="plan"),
    Change(None, "POST /v1/plans/{again}/publish"),
    Change("takeBackPlanEntries", "DELETE /v1/plans/{again}/entries", kind="plan"),
    Change(None, f"POST /v1/planning/{SITE}/rush-price", {"order": "{urgent}", "priority": 9},
           keep={"price_end": "rushed.end", "price_cost": "rushed.cost",
                 "price_plan": "plan_number"}),
    Change("acceptRushPrice", f"POST /v1/planning/{SITE}/rush-orders",
           {"order": "{urgent}", "priority": 9, "plan_number": "{price_plan}",
            "end": "{price_end}", "cost": "{price_cost}"}),
    Change("dragOperation", f"POST /v1/planning/{SITE}/drags",
           {"operation": "{free}", "machine": "{there}", "start": DUE}, kind="plan"),
    Change("requestPlan", f"POST /v1/planning/{SITE}/replan", {"reason": "look again"},
           kind="planning_scope"),
    Change("putPolicy", f"PUT /v1/planning/{SITE}/policy", {"frozen_ms": 3_600_000},
           kind="planning_scope"),
)  # fmt: skip

GOODS: Final = (
    Change("putLocation", "PUT /v1/stock/locations/A-01", {"site": SITE, "name": "Aisle 1"},
           kind="location"),
    Change("receiveGoods", "POST /v1/stock/receipts", goods(quantity=1000), kind="stock_posting"),
    Change("issueGoods", "POST /v1/stock/issues", goods(), kind="stock_posting"),
    Change("adjustStock", "POST /v1/stock/adjustments", goods() | {"reason": "found"},
           kind="stock_posting"),
    Change("transferGoods", "POST /v1/stock/transfers", goods(to_location="A-02"),
           kind="stock_posting"),
    Change("changeStockStatus", "POST /v1/stock/statuses",
           goods(from_status="available", to_status="blocked"), kind="stock_posting"),
    Change("countStock", "POST /v1/stock/counts",
           {"site": SITE, "location": "A-01", "lines": [{"item": "bracket", "quantity": 7}]},
           keep={"count": "id"}, kind="count"),
    Change("approveCount", "POST /v1/stock/counts/{count}/approve", {}, kind="count"),
    Change(None, "POST /v1/stock/counts",
           {"site": SITE, "location": "A-01", "lines": [{"item": "bracket", "quantity": 9}]},
           keep={"count": "id"}),
    Change("rejectCount", "POST /v1/stock/counts/{count}/reject", {"reason": "again"},
           kind="count"),
    Change(None, "POST /v1/stock/receipts", goods(quantity=1000)),
    Change("reserve", "POST /v1/reservations",
           {"site": SITE, "item": "bracket", "quantity": 2, "kind": "soft"},
           keep={"reservation": "id"}, kind="reservation"),
    Change("hardenReservation", "POST /v1/reservations/{reservation}/harden", kind="reservation"),
    Change("releaseReservation", "DELETE /v1/reservations/{reservation}", kind="reservation"),
    Change("promise", "POST /v1/promises",
           {"site": SITE, "lines": [{"item": "bracket", "quantity": 1}], "hold_minutes": 10},
           kind="reservation"),
    Change("settleShortfall", "POST /v1/stock/shortfalls/{shortfall}/settle",
           {"reason": "found"}, kind="shortfall"),
    Change("proposeReplenishment", "POST /v1/replenishment", {"site": SITE}, kind="replenishment"),
    Change("acceptReplenishment", "POST /v1/replenishment/{proposal}/accept", {},
           kind="replenishment"),
    Change("dismissReplenishment", "POST /v1/replenishment/{proposal}/dismiss",
           {"reason": "phased out"}, kind="replenishment"),
    Change("createPurchase", "POST /v1/purchases",
           {"number": "P-1", "site": SITE, "supplier": "steel",
            "lines": [{"item": "bracket", "quantity": 5, "due_at": DUE}]},
           keep={"purchase": "version"}, kind="purchase"),
    Change("changePurchase", "PATCH /v1/purchases/P-1",
           {"version": "{purchase}", "lines": [{"number": 1, "quantity": 6}]}, kind="purchase"),
    Change("cancelPurchase", "POST /v1/purchases/P-1/cancel", {"reason": "not needed"},
           kind="purchase"),
)  # fmt: skip

SHIPMENTS: Final = (
    Change(None, "POST /v1/orders", order("SO-8")),
    Change(None, "POST /v1/orders/SO-8/confirm", {"overrule": "meant so"}),
    Change("planShipment", "POST /v1/orders/SO-8/shipments", {}),
    Change("pickShipment", "POST /v1/orders/SO-8/shipments/1/pick", {}),
    Change("packShipment", "POST /v1/orders/SO-8/shipments/1/pack", {}),
    Change("shipShipment", "POST /v1/orders/SO-8/shipments/1/ship", {}),
    Change("addCarrierEvent", "POST /v1/orders/SO-8/shipments/1/carrier-events",
           {"status": "in_transit", "at": "2026-12-01T12:00:00Z"}),
    Change("deliverShipment", "POST /v1/orders/SO-8/shipments/1/deliver", {}),
    Change("returnShipment", "POST /v1/orders/SO-8/shipments/1/return",
           {"lines": [{"line": 1, "quantity": 1}], "reason": "bent"}),
)  # fmt: skip

PEOPLE: Final = (
    Change("createUser", "POST /v1/users", {"name": "li", "role": "viewer"}, kind="user"),
    Change("changeUser", "PATCH /v1/users/li", {"version": 1, "role": "sales"}, kind="user"),
    Change("resetPassword", "POST /v1/users/li/password", kind="user"),
    Change("endUserSession", "DELETE /v1/users/li/sessions/{session}", kind="user"),
    Change("endUserSessions", "DELETE /v1/users/li/sessions", kind="user"),
    Change("createApiKey", "POST /v1/api-keys", {"name": "e", "role": "viewer"},
           keep={"key": "api_key.id"}, kind="api_key"),
    Change("revokeApiKey", "DELETE /v1/api-keys/{key}", kind="api_key"),
    Change("createWebhook", "POST /v1/webhooks",
           {"name": "hook", "url": "https://example.com/hook", "event_types": ["order.received"]},
           keep={"hook": "id", "hook_version": "version"}, kind=None),
    Change("changeWebhook", "PATCH /v1/webhooks/{hook}",
           {"version": "{hook_version}", "event_types": ["order.changed"]}, kind=None),
    Change("testWebhook", "POST /v1/webhooks/{hook}/test", kind=None),
    Change("replayWebhookDelivery", "POST /v1/webhooks/{hook}/deliveries/{delivery}/replay",
           kind=None),
    Change("deleteWebhook", "DELETE /v1/webhooks/{hook}", kind=None),
)  # fmt: skip

_RULE: Final = {"name": "Down", "condition": {"kind": "machine_down"}, "response": "Go and look."}
_RULES: Final = b"""
rules:
  - {code: silent, name: Silent, condition: {kind: machine_silent}, response: Go and look.}
"""

ALARMS: Final = (
    Change("putAlarmDefinition", "PUT /v1/alarm-definitions/rules/down", {"body": _RULE},
           kind="alarm_rule"),
    Change("importAlarmDefinitions", "POST /v1/alarm-definitions/import",
           Raw("application/yaml", _RULES), kind="alarm_rule"),
    Change("acknowledgeAlarms", "POST /v1/alarms/acknowledge",
           {"alarms": [{"id": "{alarm}", "occurrence": 1}]}, kind="alarm"),
    Change("assignAlarm", "POST /v1/alarms/{alarm}/assign", {"to": "mei"}, kind="alarm"),
    Change("shelveAlarm", "POST /v1/alarms/{alarm}/shelve", {"minutes": 5, "reason": "known"},
           kind="alarm"),
    Change("unshelveAlarm", "POST /v1/alarms/{alarm}/unshelve", {}, kind="alarm"),
    Change("removeAlarm", "POST /v1/alarms/{alarm}/remove", {"reason": "repair"}, kind="alarm"),
    Change("returnAlarm", "POST /v1/alarms/{alarm}/return", {}, kind="alarm"),
    Change("resetAlarm", "POST /v1/alarms/{alarm}/reset", {}, kind="alarm"),
    Change("retireAlarmDefinition", "DELETE /v1/alarm-definitions/rules/down",
           kind="alarm_rule"),
    Change("forgetGateway", "DELETE /v1/gateways/gateway-9", kind="gateway"),
)  # fmt: skip

_WAY: Final = {
    "name": "Mail",
    "kind": "smtp",
    "settings": {"host": "mail.test", "user": "gemba", "sender": "gemba@plant.test"},
    "secrets": {"password": "open sesame"},
}
_WORDS: Final = {"subject": "{name}", "text": "{name}: {subject}", "short": "{name}"}

NOTIFICATIONS: Final = (
    Change("putNotificationWay", "PUT /v1/notification-ways/mail", _WAY, kind="notification_way"),
    Change("testNotificationWay", "POST /v1/notification-ways/mail/test",
           {"address": "mei@plant.test"}, query={"wait_s": "0"}, kind="notification_way"),
    Change("deleteNotificationWay", "DELETE /v1/notification-ways/mail",
           kind="notification_way"),
    Change("putNotificationTemplate", "PUT /v1/notification-templates/alarm_raised/en",
           {"words": _WORDS, "version": 0}, kind="notification_template"),
    Change("retryNotification", "POST /v1/notifications/{message}/retry", {},
           kind="notification"),
    Change("releaseBadAddress", "POST /v1/notification-addresses/release",
           {"channel": "email", "address": "gone@plant.test"}, kind="notification_address"),
)  # fmt: skip

_CONTACT: Final = {"name": "Bo", "address": "bo@acme.example"}

CONTACTS: Final = (
    Change("createContact", "POST /v1/customers/acme/contacts", _CONTACT | {"agreed": False},
           keep={"contact": "id"}, kind="contact"),
    Change("changeContact", "PUT /v1/contacts/{contact}",
           {"name": "Bo", "tolerance_minutes": 60, "version": 1}, kind="contact"),
    Change("removeContact", "DELETE /v1/contacts/{contact}", kind="contact"),
)  # fmt: skip

_SCHEDULE: Final = {
    "name": "Daily", "reports": ["delivery"], "site": SITE, "recipients": ["mei@a.example"],
    "every": "day", "minute": 390,
}  # fmt: skip

REPORTING: Final = (
    Change("putReportTargets", "PUT /v1/reports/targets",
           {"targets": [{"code": "oee", "valid_from": "2026-01-01", "target": "0.8"}]},
           kind="report_targets"),
    Change("createReportSchedule", "POST /v1/report-schedules", {"code": "daily"} | _SCHEDULE,
           keep={"schedule_version": "version"}, kind="report_schedule"),
    Change("putReportSchedule", "PUT /v1/report-schedules/daily",
           _SCHEDULE | {"version": "{schedule_version}"}, kind="report_schedule"),
    Change("deleteReportSchedule", "DELETE /v1/report-schedules/daily", kind="report_schedule"),
)  # fmt: skip

FLOOR_REPORTS: Final = (
    Change("giveStopReasons", "POST /v1/reports/stops",
           {"entries": [{"machine": MACHINE, "from": "2026-01-05T08:00:00Z",
                         "until": "2026-01-05T09:00:00Z", "reason": "break"}]},
           keep={"said": "items.0.id"}, kind="machine"),
    Change("undoStopReasons", "POST /v1/reports/stops/undo", {"ids": ["{said}"]}, kind="machine"),
    Change("putStopReason", "PUT /v1/reports/stop-reasons/jam",
           {"name_en": "Jam", "name_zh": "卡料", "counts_as": "delay"}, kind="stop_reason"),
    Change("putTimePolicy", f"PUT /v1/reports/time-policies/{SITE}",
           {"micro_stop_ms": 120_000, "micro_stops": "performance"}, kind="site"),
    Change("enterItemCosts", "POST /v1/reports/item-costs",
           {"costs": [{"item": "bracket", "valid_from": "2026-01-01", "currency": "CNY",
                       "cost": "12.50"}]}, kind="item_costs"),
)  # fmt: skip

CHANGES: Final = (
    *MASTER_DATA, *GOODS, *ORDERS, *INTAKE, *WORK, *SHIPMENTS, *PEOPLE, *ALARMS, *CONTACTS,
    *NOTIFICATIONS, *REPORTING, *FLOOR_REPORTS,
)  # fmt: skip
