"""Kill -9 of the planner in the middle of its work: every disruption is answered, none twice."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from installation import Installation, eventually
from planner_floor import PATIENCE_S, Floor, check_answers, floor, kill, stored

from contracts.plan import PlanState

SITE = "planner-killed"
ASKED = "planner-asked"
WITHIN_S = 1.5
"""A plan is debounced, made, stored and improved in about this time: kills hit all of it."""
ALSO_KILLED = {1: "streams", 2: "postgres"}
ROUNDS = 5


@pytest.mark.kill
@pytest.mark.timeout(400)
async def test_no_disruption_is_lost_or_answered_twice_although_the_planner_is_killed(
    installation: Installation,
) -> None:
    dead: set[int] = set()
    async with floor(installation, SITE) as shop:
        await shop.answered()
        for round_ in range(ROUNDS):
            for _ in range(shop.chance.randint(1, 2)):
                await shop.disturb()
            await asyncio.sleep(shop.chance.uniform(0.0, WITHIN_S))
            await kill(installation, "scheduler", dead)
            await shop.disturb()  # nobody plans meanwhile
            if round_ in ALSO_KILLED:
                await kill(installation, ALSO_KILLED[round_], dead)
                await shop.disturb()
            await shop.answered()
        for machine in sorted(shop.down):
            await shop.mend(machine)

        last = {(machine, ms // 1_000) for machine, ms in dict(shop.told_down).items()}
        await eventually(shop.mended, last.issubset, seconds=PATIENCE_S)
        await shop.answered()
        await asyncio.sleep(WITHIN_S)  # the last plan may still be improved
        await shop.answered()

        listed = await shop.get(f"planning/{SITE}/plans")
        plans: list[dict[str, Any]] = listed["items"]
        assert len(plans) == listed["total"]
        numbers = [plan["number"] for plan in plans]
        assert numbers == list(range(len(numbers), 0, -1))
        states = [plan["state"] for plan in plans]
        assert states == [PlanState.PUBLISHED, *[PlanState.SUPERSEDED] * (len(plans) - 1)]
        assert (await shop.get(f"planning/{SITE}"))["draft"] is None
        await check_answers(shop, plans)
        assert await stored(shop, numbers[0]) == []
        assert len(dead) == ROUNDS + len(ALSO_KILLED)


async def _ask(shop: Floor, answers: list[int]) -> None:
    """Somebody asks for promises and makes drafts, all the time; what is refused is asked anew."""
    question = {"site": ASKED, "lines": [{"item": f"{ASKED}-plate", "quantity": 60}]}
    change = {"kind": "policy", "fields": {"setup": 3}}
    for number in range(10_000):
        for path, body in (
            ("promises", question),
            (f"planning/{ASKED}/drafts", {"name": f"d{number}", "changes": [change]}),
        ):
            with contextlib.suppress(httpx.HTTPError):
                answers.append((await shop.api.post(f"/v1/{path}", json=body)).status_code)
        await asyncio.sleep(0.2)


async def _tell_all(shop: Floor) -> None:
    """Whatever planners tell, in one go: a lock, maintenance, an order given up, another one."""
    listed = await shop.get(f"planning/{ASKED}")
    operations = (await shop.get(f"plans/{listed['published']['id']}/operations"))["items"]
    free = [each for each in operations if each["pin"] is None]
    machine = shop.chance.choice(shop.machines)
    operation = shop.chance.choice(free)
    begin = shop.chance.randint(1, 200)
    for method, path, body in (
        ("PUT", f"operations/{operation['operation_id']}/lock", {"machine": machine}),
        ("POST", f"machines/{machine}/maintenance", _span(begin)),
        ("POST", f"planning/{ASKED}/replan", {"reason": "once more"}),
    ):
        answer = await shop.api.request(method, f"/v1/{path}", json=body)
        assert answer.is_success or answer.status_code == 409, answer.text
    await shop.order(minutes=shop.chance.randint(15, 90))


def _span(begin: int) -> dict[str, str]:
    starts_at = datetime.now(UTC) + timedelta(minutes=10 * begin)
    ends_at = starts_at + timedelta(minutes=5)
    return {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat(), "reason": "oil"}


@pytest.mark.kill
@pytest.mark.timeout(600)
async def test_what_planners_tell_and_ask_outlives_a_planner_that_is_killed(
    installation: Installation,
) -> None:
    """Plans wait for a person here: the plan in force stays in force, whoever is killed."""
    dead: set[int] = set()
    answers: list[int] = []
    async with floor(installation, ASKED, policy={"improve_ms": 0}) as shop:
        await shop.answered()
        policy = {"publish": "draft", "improve_ms": 0, "frozen_ms": 0}
        put = await shop.api.put(f"/v1/planning/{ASKED}/policy", json=policy)
        assert put.is_success, put.text
        in_force = (await shop.get(f"planning/{ASKED}"))["published"]["number"]
        asking = asyncio.create_task(_ask(shop, answers))
        try:
            for _ in range(ROUNDS):
                await _tell_all(shop)
                await asyncio.sleep(shop.chance.uniform(0.0, WITHIN_S))
                await kill(installation, "scheduler", dead)
                await _tell_all(shop)  # nobody plans meanwhile
                await shop.answered()
                scope = await shop.get(f"planning/{ASKED}")
                assert scope["published"]["number"] == in_force
                assert scope["draft"] is not None
        finally:
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking

        told = await shop.disruptions()
        assert {one["outcome"] for one in told} <= {"planned", "no_change"}
        # What a draft answers the next draft answers in its place: nothing is lost on the way.
        listed = (await shop.get(f"planning/{ASKED}/plans", limit=1_000))["items"]
        of_planner = [plan for plan in listed if plan["reasons"]]
        waiting = next(plan for plan in of_planner if plan["state"] == PlanState.DRAFT)
        named = [reason["disruption"] for reason in waiting["reasons"]]
        since = {one["id"] for one in told if one["plan_number"] == waiting["number"]}
        assert len(named) == len(set(named))
        assert since <= set(named)
        assert await stored(shop, waiting["number"]) == []
        # Whoever asked was answered, or told to ask again; and is answered now.
        assert set(answers) <= {200, 201, 409, 503, 504}, set(answers)
        assert {200, 201} <= set(answers)
        question = {"site": ASKED, "lines": [{"item": f"{ASKED}-plate", "quantity": 60}]}
        now = await shop.api.post("/v1/promises", json=question)
        assert now.status_code == 200, now.text
        assert len(dead) == ROUNDS
