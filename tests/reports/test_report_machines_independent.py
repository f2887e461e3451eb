"""OEE of a simulated day against a computation of its own: pandas over seconds, from the messages.

What is compared never passes through the product: the simulated day is made of plain messages, and
pandas counts, second by second, what the definitions say.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from api_client import Api
from machine_floor import MACHINE, Floor, keep, opened, sent

from domain.access import Role

SECONDS = 24 * 3600
FIRST, LAST = 8 * 3600, 16 * 3600
MICRO_S = 300
CYCLES = {"W1": 60, "W2": 120}
REASONS = (None, "tool", "no_material", "break")


def simulated(seed: int) -> list[dict[str, Any]]:
    """A day of a machine from 6 on: whole seconds, so that seconds can be counted."""
    rng = random.Random(seed)
    found: list[dict[str, Any]] = [{"s": 6 * 3600, "kind": "state", "state": "idle"}]
    second, state, order = 6 * 3600, "idle", None
    while second < 18 * 3600:
        second += rng.choice([rng.randint(20, 290), rng.randint(300, 2_400)])
        if rng.random() < 0.25:
            order = rng.choice([one for one in ("W1", "W2") if one != order])
            found.append({"s": second, "kind": "job", "event": "started", "work_order": order})
            second += 1
        elif order is not None and rng.random() < 0.08:
            found.append({"s": second, "kind": "job", "event": "completed", "work_order": order})
            second, order = second + 1, None
        state = rng.choice(
            [one for one in ("running", "running", "idle", "down", "setup", "planned_stop")
             if one != state]
        )  # fmt: skip
        reason = rng.choice(REASONS) if state in {"idle", "down"} else None
        found.append({"s": second, "kind": "state", "state": state, "reason": reason})
        if state == "running":
            good, scrap = rng.randint(0, 9), rng.randint(0, 2)
            found.append({"s": second + 5, "kind": "count", "good": good, "scrap": scrap})
            second += 5
    return found


def expected(day: list[dict[str, Any]]) -> dict[str, float]:
    """The same by pandas, second by second."""
    events = pd.DataFrame(day)
    clock = pd.DataFrame(index=pd.RangeIndex(SECONDS + 1))
    states = events[events.kind == "state"].set_index("s")
    clock["state"] = states.state.reindex(clock.index).ffill()
    clock["reason"] = states.reason.fillna("-").reindex(clock.index).ffill()
    jobs = events[events.kind == "job"].set_index("s")
    on = jobs.work_order.where(jobs.event == "started", "-")
    clock["order"] = on.reindex(clock.index).ffill()
    clock = clock.iloc[:SECONDS]
    told = clock[clock.state.notna()]
    stretch = told.index.isin(states.index).cumsum()
    length = pd.Series(stretch).map(pd.Series(stretch).value_counts()).to_numpy()
    of_stretch = told.groupby(stretch).state.first()
    before = pd.Series(stretch - 1).map(of_stretch).to_numpy()
    after = pd.Series(stretch + 1).map(of_stretch).to_numpy()
    stop = told.state.isin(["idle", "down"])
    micro = (
        stop & (told.reason == "-") & (length < MICRO_S)
        & (before == "running") & (after == "running")
    )  # fmt: skip
    # A reason of the plant's list decides; else whether an order was there; else the state.
    by_order = np.where(
        told.order.isna(),
        np.where(told.state == "down", "delay", "idle"),
        np.where(told.order == "-", "idle", "delay"),
    )
    by_reason = told.reason.map({"tool": "delay", "no_material": "delay", "break": "planned"})
    found = told.state.map(
        {"running": "production", "setup": "setup", "planned_stop": "planned"}
    ).astype(object)
    found = found.mask(stop, pd.Series(by_order, index=told.index).where(
        by_reason.isna(), by_reason))  # fmt: skip
    found = found.mask(micro, "micro_stop")
    inside = (told.index >= FIRST) & (told.index < LAST)
    spent = found[inside].value_counts()
    extra = found[~inside & found.isin(["production", "setup"])].value_counts()
    counts = events[events.kind == "count"].set_index("s")
    orders = clock.order.reindex(counts.index)
    made = counts.good + counts.scrap
    rated = (made * orders.map(CYCLES)).sum() if orders.isin(CYCLES).all() else np.nan
    production = spent.get("production", 0) + extra.get("production", 0)
    busy = (LAST - FIRST) - spent.get("planned", 0) + extra.sum()
    return {
        "busy_ms": busy * 1000.0,
        "production_ms": production * 1000.0,
        "setup_ms": (spent.get("setup", 0) + extra.get("setup", 0)) * 1000.0,
        "delay_ms": spent.get("delay", 0) * 1000.0,
        "idle_ms": spent.get("idle", 0) * 1000.0,
        "micro_stop_ms": spent.get("micro_stop", 0) * 1000.0,
        "planned_stop_ms": spent.get("planned", 0) * 1000.0,
        "overtime_ms": extra.sum() * 1000.0,
        "good": float(counts.good.sum()),
        "scrap": float(counts.scrap.sum()),
        "availability": production / busy,
        "effectiveness": rated / production,
        "quality_ratio": counts.good.sum() / made.sum(),
        "oee": production / busy * (rated / production) * counts.good.sum() / made.sum(),
    }


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    floor = await opened(database_url)
    yield floor
    await floor.close()


@pytest.mark.parametrize("seed", [1, 3, 8, 25])
async def test_a_day_by_pandas(floor: Floor, api: Api, seed: int) -> None:
    day = simulated(seed)
    messages = []
    for seq, event in enumerate(day):
        fields = {name: value for name, value in event.items()
                  if name not in {"s", "kind"} and value is not None}  # fmt: skip
        if event["kind"] == "job":
            fields["operation"] = 10
        messages.append(sent(event["kind"], seq, event["s"] / 3600, **fields))
    # In two heaps, the second one first: what is late comes to the same.
    await floor.send(messages[len(messages) // 2 :])
    await floor.send(messages[: len(messages) // 2])
    await keep(floor)
    client = await api.as_role(Role.ADMIN)
    answer = await client.get(f"/v1/reports/oee?from=2026-01-05&to=2026-01-05&machine={MACHINE}")
    totals = answer.json()["totals"]
    for code, value in expected(day).items():
        figure = totals[code]
        if np.isnan(value):
            assert figure["value"] is None, code
            assert figure["absent"] == "no_cycle_time", code
        else:
            assert figure["value"] == pytest.approx(value), code
