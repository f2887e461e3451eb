"""Kill -9 of the planner in the middle of its work: every disruption is answered, none twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from installation import Installation, eventually

from contracts.plan import DisruptionKind, DisruptionOutcome, PlanState
from domain.plan.plan import Assignment, Plan
from domain.plan.validator import Violation, violations
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url
from scheduler.solve import CP_SAT
from store.planning.problem import load_problem

SITE = "planner-killed"
MACHINES = tuple(f"{SITE}/pressing/line-1/press-{name}" for name in "abc")
MINUTE_MS = 60_000
SEED = 20261122
WITHIN_S = 1.5
"""A plan is debounced, made, stored and improved in about this time: kills hit all of it."""
ALSO_KILLED = {1: "streams", 2: "postgres"}
ROUNDS = 5
PATIENCE_S = 120.0


@dataclass
class Floor:
    """Three presses that can replace each other, and the disruptions they were told to make."""

    installation: Installation
    api: httpx.AsyncClient
    broker: MqttClient
    chance: random.Random
    seq: int = 0
    down: dict[str, int] = field(default_factory=dict)
    told_down: list[tuple[str, int]] = field(default_factory=list)
    rush: list[str] = field(default_factory=list)

    async def get(self, path: str, **parameters: Any) -> Any:
        """What the API answers; raises while it cannot."""
        answer = await self.api.get(f"/v1/{path}", params=parameters)
        return answer.raise_for_status().json()

    async def say(self, machine: str, kind: str, **fields: Any) -> int:
        """What a machine says; answers when."""
        self.seq += 1
        now_ms = time.time_ns() // 1_000_000
        body = {"t": now_ms, "boot": "killed", "seq": self.seq, **fields}
        await self.broker.publish(f"gemba/v1/{machine}/{kind}", json.dumps(body), qos=1)
        return now_ms

    async def order(self, *, minutes: int, priority: int = 0) -> str:
        """An order for ten minutes of a press; answers its number. Asked again, it is the same."""
        body = {
            "site": SITE,
            "customer": "acme",
            "release": True,
            "priority": priority,
            "external_source": SITE,
            "external_id": str(self.chance.getrandbits(60)),
            "lines": [
                {
                    "item": "killed-plate",
                    "quantity": 600,
                    "due_at": (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(),
                }
            ],
        }
        answer = await eventually(
            lambda: self.api.post("/v1/orders", json=body),
            lambda seen: seen.status_code in {200, 201},
            seconds=PATIENCE_S,
        )
        return str(answer.json()["number"])

    async def disturb(self) -> None:
        """A machine goes down or up, or a rush order comes in."""
        kinds = ["rush"] + ["down"] * (len(self.down) < 2) + ["up"] * bool(self.down)
        match self.chance.choice(kinds):
            case "down":
                machine = self.chance.choice([each for each in MACHINES if each not in self.down])
                self.down[machine] = await self.say(machine, "state", state="down", reason="jam")
                self.told_down.append((machine, self.down[machine]))
            case "up":
                await self.mend(self.chance.choice(sorted(self.down)))
            case _:
                minutes = self.chance.randint(15, 90)
                self.rush.append(await self.order(minutes=minutes, priority=9))

    async def mend(self, machine: str) -> None:
        """Have a machine work again, once it is known to be down: it was no micro-stop."""
        since_ms = self.down.pop(machine)
        await eventually(
            self.breakdowns, lambda seen: (machine, since_ms) in seen, seconds=PATIENCE_S
        )
        await self.say(machine, "state", state="idle")

    async def disruptions(self) -> list[dict[str, Any]]:
        """All disruptions of the site."""
        found: list[dict[str, Any]] = (await self.get("disruptions", scope=SITE))["items"]
        return found

    async def breakdowns(self) -> list[tuple[str, int]]:
        """The breakdowns that were told: machine and since when."""
        return [
            (one["machine"], _ms(one["occurred"]))
            for one in await self.disruptions()
            if one["kind"] == DisruptionKind.MACHINE_DOWN
        ]

    async def mended(self) -> set[tuple[str, int]]:
        """The breakdowns that are told to be over: machine and since which second."""
        return {
            (one["machine"], _ms(one["detail"]["since"]) // 1_000)
            for one in await self.disruptions()
            if one["kind"] == DisruptionKind.MACHINE_UP
        }

    async def answered(self) -> None:
        """Wait until all that was done is told, and all that was told is answered."""

        async def look() -> tuple[int, bool, set[Any]]:
            seen = await self.disruptions()
            rush = {one["order_number"] for one in seen if one["kind"] == DisruptionKind.RUSH_ORDER}
            known = {
                (one["machine"], _ms(one["occurred"]))
                for one in seen
                if one["kind"] == DisruptionKind.MACHINE_DOWN
            }
            missing = (set(self.rush) - rush) | (set(self.told_down) - known)
            scope = await self.get(f"planning/{SITE}")
            return scope["open_disruptions"], scope["published"] is not None, missing

        await eventually(
            look, lambda seen: seen[0] == 0 and seen[1] and not seen[2], seconds=PATIENCE_S
        )


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1_000)


@contextlib.asynccontextmanager
async def floor(installation: Installation) -> AsyncIterator[Floor]:
    broker = parse_mqtt_url(installation.addresses.machine_mqtt_url)
    chance = random.Random(SEED)  # the same moments in every run
    async with (
        installation.api() as api,
        MqttClient(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier="killed-machines",
        ) as machines,
    ):
        first, *others = MACHINES
        step = {
            "number": 10,
            "name": "Press",
            "machine": first,
            "cycle_ms": 1_000,
            "setup_ms": 0,
            "alternatives": [
                {"machine": machine, "cycle_ms": 1_500, "setup_ms": 60_000} for machine in others
            ],
        }
        item = {"name": "Plate", "routings": [{"site": SITE, "steps": [step]}]}
        policy = {"down_threshold_ms": 500, "frozen_ms": 2 * MINUTE_MS, "improve_ms": 500}
        for path, body in (
            (f"sites/{SITE}", {"name": "Killed", "time_zone": "UTC"}),
            (f"planning/{SITE}/policy", policy),
            *((f"machines/{path}", {"name": path[-7:]}) for path in MACHINES),
            ("customers/acme", {"name": "Acme Ltd"}),
            ("items/killed-plate", item),
        ):
            answer = await api.put(f"/v1/{path}", json=body)
            assert answer.is_success, answer.text
        made = Floor(installation, api, machines, chance)
        for place in range(8):
            await made.order(minutes=20 + 10 * place)
        yield made


async def _kill(installation: Installation, service: str, dead: set[int]) -> None:
    """Kill a service that lives; one that was killed before has to be back."""

    async def lives() -> bool:
        with contextlib.suppress(LookupError):
            return installation.pid(service) not in dead
        return False

    await eventually(lives, bool, seconds=PATIENCE_S)
    dead.add(installation.kill(service))


async def _stored(installation: Installation, number: int) -> list[Violation]:
    """What the validator says of a plan of the site, as it is stored."""
    async with await psycopg.AsyncConnection.connect(
        installation.addresses.database_url, autocommit=True
    ) as connection:
        cursor = await connection.execute(
            "SELECT id, as_of_ms FROM plans WHERE scope = %s AND number = %s", (SITE, number)
        )
        row = await cursor.fetchone()
        assert row is not None
        plan_id, as_of_ms = row
        loaded = await load_problem(connection, SITE, now_ms=as_of_ms)
        cursor = await connection.execute(
            """
            SELECT operation_id, machine_id, setup_start_ms, start_ms, end_ms
            FROM plan_operations WHERE plan_id = %s
            """,
            (plan_id,),
        )
        names = ("operation", "machine", "setup_start_ms", "start_ms", "end_ms")
        placed = [Assignment(**dict(zip(names, each, strict=True))) async for each in cursor]
    assert {each.operation for each in placed} == {each.id for each in loaded.problem.operations}
    return list(violations(loaded.problem, Plan(tuple(placed))))


async def _check_answers(shop: Floor, plans: list[dict[str, Any]]) -> None:
    """Each disruption that was made was told once, and answered once."""
    told = await shop.disruptions()
    kinds = Counter(one["kind"] for one in told)
    assert sorted(await shop.breakdowns()) == sorted(shop.told_down)
    rush = [one["order_number"] for one in told if one["kind"] == DisruptionKind.RUSH_ORDER]
    assert sorted(rush) == sorted(shop.rush)
    assert kinds[DisruptionKind.WORK_RELEASED] == 8
    # Reasons go on to the plans that the solver improves; whose answer it is says its own row.
    first = {plan["number"]: plan for plan in plans if plan["method"] != CP_SAT}
    answers = Counter(reason["disruption"] for plan in first.values() for reason in plan["reasons"])
    for one in told:
        assert one["handled"] is not None, one
        assert one["outcome"] in {DisruptionOutcome.PLANNED, DisruptionOutcome.NO_CHANGE}, one
        planned = one["outcome"] == DisruptionOutcome.PLANNED
        assert (one["plan_number"] is not None) is planned, one
        assert answers[one["id"]] == planned, (one, answers)
        if planned:
            reasons = first[one["plan_number"]]["reasons"]
            assert one["id"] in {reason["disruption"] for reason in reasons}


@pytest.mark.kill
@pytest.mark.timeout(400)
async def test_no_disruption_is_lost_or_answered_twice_although_the_planner_is_killed(
    installation: Installation,
) -> None:
    dead: set[int] = set()
    async with floor(installation) as shop:
        await shop.answered()
        for round_ in range(ROUNDS):
            for _ in range(shop.chance.randint(1, 2)):
                await shop.disturb()
            await asyncio.sleep(shop.chance.uniform(0.0, WITHIN_S))
            await _kill(installation, "scheduler", dead)
            await shop.disturb()  # nobody plans meanwhile
            if round_ in ALSO_KILLED:
                await _kill(installation, ALSO_KILLED[round_], dead)
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
        await _check_answers(shop, plans)
        assert await _stored(installation, numbers[0]) == []
        assert len(dead) == ROUNDS + len(ALSO_KILLED)
