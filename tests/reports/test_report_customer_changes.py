"""A date that was moved because the customer asked for it is no delay of the plant's."""

from __future__ import annotations

import httpx
import pytest
from api_client import Api
from report_cases import DAY, T0
from report_orders import ReportPlant, at

from domain.access import Role

DUE = T0 + DAY


@pytest.fixture
async def desk(api: Api) -> httpx.AsyncClient:
    return await api.as_role(Role.SALES)


@pytest.mark.parametrize(("asked", "customer_due_ms"), [(True, DUE + DAY), (False, DUE)])
async def test_by_hand_whoever_enters_it_says_so(
    *, desk: httpx.AsyncClient, orders: ReportPlant, asked: bool, customer_due_ms: int
) -> None:
    order = await orders.order("A1", due_ms=DUE)
    answer = await desk.patch(
        "/v1/orders/A1",
        json={
            "version": 1,
            "lines": [{"number": 10, "due_at": at(DUE + DAY).isoformat()}],
            "asked_by_customer": asked,
        },
    )
    assert answer.is_success, answer.text
    await orders.keep()
    told = await orders.one(
        "SELECT after -> 'asked_by_customer' FROM audit_log WHERE action = 'OrderChanged'"
    )
    assert told is (True if asked else None)
    found = await orders.one(
        "SELECT (first_due_ms, customer_due_ms, due_ms)::text FROM report_order_lines"
        " WHERE order_id = %s AND superseded_at IS NULL",
        order,
    )
    assert found == f"({DUE},{customer_due_ms},{DUE + DAY})"
