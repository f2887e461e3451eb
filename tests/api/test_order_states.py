"""The rules of orders' and work orders' states, and that SQL's filters say the same."""

from __future__ import annotations

from itertools import combinations_with_replacement

import psycopg
import pytest

from contracts.telemetry import OperationState
from domain.orders import (
    LineState,
    Moved,
    Refused,
    WorkOrderState,
    cancel,
    change,
    operation_state,
    order_state,
    release,
    work_order_state,
)
from store.database import build_pool
from store.filters import Page
from store.order_lists import OrderQuery, Total, orders
from store.work_orders import work_orders

P, R, A, I, C, X = (  # noqa: E741 - a table of states
    OperationState.PLANNED,
    OperationState.RUNNING,
    OperationState.PAUSED,
    OperationState.INTERRUPTED,
    OperationState.COMPLETED,
    OperationState.ABORTED,
)


class TestLines:
    @pytest.mark.parametrize("state", list(LineState))
    def test_only_what_waits_can_be_released(self, state: LineState) -> None:
        waits = state in (LineState.RECEIVED, LineState.CONFIRMED)
        decision = release(state)
        assert isinstance(decision, Moved if waits else Refused)
        assert state.value in decision.reason

    @pytest.mark.parametrize("state", list(LineState))
    def test_what_is_made_or_given_up_stays(self, state: LineState) -> None:
        over = state in (LineState.PRODUCED, LineState.CANCELLED)
        assert isinstance(cancel(state, "why"), Refused if over else Moved)
        assert isinstance(change(state), Refused if over else Moved)
        if not over:
            assert cancel(state, "why") == Moved(LineState.CANCELLED, "why")


class TestOrders:
    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            ([], "cancelled"),
            (["cancelled", "cancelled"], "cancelled"),
            (["produced", "cancelled"], "produced"),
            (["produced", "received"], "in_production"),
            (["in_production", "on_hold"], "in_production"),
            (["released", "on_hold"], "on_hold"),
            (["released", "confirmed"], "confirmed"),
            (["received", "confirmed"], "received"),
            (["under_review", "released"], "under_review"),
            (["released", "cancelled"], "released"),
        ],
    )
    def test_an_order_is_what_its_lines_make_it(self, lines: list[str], expected: str) -> None:
        assert order_state(LineState(line) for line in lines) == expected


class TestWorkOrders:
    @pytest.mark.parametrize(
        ("operations", "cancelled", "expected"),
        [
            ([], False, "planned"),
            ([], True, "cancelled"),
            ([P, P], False, "planned"),
            ([R, P], False, "running"),
            ([R, A, I], True, "running"),
            ([A, I], False, "paused"),
            ([I, C], False, "interrupted"),
            ([C, C], False, "completed"),
            ([C, C], True, "completed"),
            ([C, P], False, "running"),
            ([C, X], False, "aborted"),
            ([X, P], False, "interrupted"),
            ([C, OperationState.CANCELLED], True, "cancelled"),
        ],
    )
    def test_a_work_order_is_what_its_operations_make_it(
        self, *, operations: list[OperationState], cancelled: bool, expected: str
    ) -> None:
        assert work_order_state(operations, cancelled=cancelled) == expected

    def test_a_cancelled_operation_is_one_that_never_began(self) -> None:
        assert operation_state(P, cancelled=True, runs=0) is OperationState.CANCELLED
        assert operation_state(P, cancelled=False, runs=0) is P
        assert operation_state(R, cancelled=True, runs=1) is R
        assert operation_state(C, cancelled=True, runs=0) is C


class TestFilters:
    async def test_orders_are_found_under_the_state_the_rule_gives(self, database_url: str) -> None:
        cases = [list(c) for n in (0, 1, 2, 3) for c in combinations_with_replacement(LineState, n)]
        expected: dict[LineState, set[str]] = {state: set() for state in LineState}
        with psycopg.connect(database_url) as connection:
            connection.execute("INSERT INTO sites (code, name) VALUES ('s', 's')")
            connection.execute("INSERT INTO customers (code, name) VALUES ('c', 'c')")
            connection.execute("INSERT INTO items (code, name) VALUES ('i', 'i')")
            for index, states in enumerate(cases):
                number = f"N{index}"
                connection.execute(
                    "INSERT INTO orders (site_id, customer_id, number) VALUES (1, 1, %s)",
                    (number,),
                )
                for place, state in enumerate(states):
                    connection.execute(
                        "INSERT INTO order_lines (order_id, number, item_id, quantity, unit, state)"
                        " VALUES (%s, %s, 1, 1, 'pcs', %s)",
                        (index + 1, place, state.value),
                    )
                if states:  # an order without lines exists only within its own transaction
                    expected[order_state(states)].add(number)
        async with build_pool(database_url, name="test") as pool, pool.connection() as reading:
            for state in LineState:
                query = OrderQuery(state=state.value)
                rows, total = await orders(reading, Page(10_000, 0), query, now_ms=0)
                assert {row.number for row in rows} == expected[state], state
                assert total == Total(len(expected[state]))

    async def test_work_orders_are_found_under_the_state_the_rule_gives(
        self, database_url: str
    ) -> None:
        states = (P, R, A, I, C, X)
        cases = [
            (list(c), cancelled)
            for n in (0, 1, 2, 3)
            for c in combinations_with_replacement(states, n)
            for cancelled in (False, True)
        ]
        expected: dict[WorkOrderState, set[str]] = {state: set() for state in WorkOrderState}
        with psycopg.connect(database_url) as connection:
            connection.execute("INSERT INTO sites (code, name) VALUES ('s', 's')")
            for index, (operations, cancelled) in enumerate(cases):
                number = f"N{index}"
                connection.execute(
                    "INSERT INTO work_orders (site_id, number, planned, cancelled_at)"
                    " VALUES (1, %s, true, %s)",
                    (number, "2026-01-01T00:00:00Z" if cancelled else None),
                )
                for place, state in enumerate(operations):
                    connection.execute(
                        "INSERT INTO operations (work_order_id, number, planned, state, runs)"
                        " VALUES (%s, %s, true, %s, %s)",
                        (index + 1, place, state.value, 0 if state is P else 1),
                    )
                shown = [
                    operation_state(state, cancelled=cancelled, runs=0 if state is P else 1)
                    for state in operations
                ]
                expected[work_order_state(shown, cancelled=cancelled)].add(number)
        async with build_pool(database_url, name="test") as pool, pool.connection() as reading:
            for wanted in WorkOrderState:
                rows, total = await work_orders(reading, Page(10_000, 0), state=wanted.value)
                assert {row.number for row in rows} == expected[wanted], wanted
                assert total == len(expected[wanted])
