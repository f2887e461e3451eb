"""Three presses whose planner is killed: what happens to them, and what was made of it."""

from __future__ import annotations

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
from installation import Installation, eventually

from contracts.plan import DisruptionKind, DisruptionOutcome
from domain.plan.validator import Violation
from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url
from scheduler.improving import CP_SAT, LOCAL
from store.planning.judging import judged
from store.planning.problem import load_problem

MINUTE_MS = 60_000
SEED = 20261122
PATIENCE_S = 120.0


@dataclass
class Floor:
    """Three presses that can replace each other, and the disruptions they were told to make."""

    installation: Installation
    api: httpx.AsyncClient
    broker: MqttClient
    chance: random.Random
    site: str
    seq: int = 0
    down: dict[str, int] = field(default_factory=dict)
    told_down: list[tuple[str, int]] = field(default_factory=list)
    rush: list[str] = field(default_factory=list)

    @property
    def machines(self) -> tuple[str, ...]:
        """The presses' paths."""
        return tuple(f"{self.site}/pressing/line-1/press-{name}" for name in "abc")

    async def get(self, path: str, **parameters: Any) -> Any:
        """What the API answers; raises while it cannot."""
        answer = await self.api.get(f"/v1/{path}", params=parameters)
        return answer.raise_for_status().json()

    async def say(self, machine: str, kind: str, **fields: Any) -> int:
        """What a machine says; answers when."""
        self.seq += 1
        now_ms = time.time_ns() // 1_000_000
        body = {"t": now_ms, "boot": self.site, "seq": self.seq, **fields}
        await self.broker.publish(f"gemba/v1/{machine}/{kind}", json.dumps(body), qos=1)
        return now_ms

    async def order(self, *, minutes: int, priority: int = 0) -> str:
        """An order for ten minutes of a press; answers its number. Asked again, it is the same."""
        body = {
            "site": self.site,
            "customer": "acme",
            "release": True,
            "priority": priority,
            "external_source": self.site,
            "external_id": str(self.chance.getrandbits(60)),
            "lines": [
                {
                    "item": f"{self.site}-plate",
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
                machine = self.chance.choice(
                    [each for each in self.machines if each not in self.down]
                )
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
        found: list[dict[str, Any]] = (await self.get("disruptions", scope=self.site))["items"]
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
            scope = await self.get(f"planning/{self.site}")
            return scope["open_disruptions"], scope["published"] is not None, missing

        await eventually(
            look, lambda seen: seen[0] == 0 and seen[1] and not seen[2], seconds=PATIENCE_S
        )


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1_000)


@contextlib.asynccontextmanager
async def floor(
    installation: Installation, site: str, *, policy: dict[str, Any] | None = None
) -> AsyncIterator[Floor]:
    """A site of three presses with eight orders."""
    broker = parse_mqtt_url(installation.addresses.machine_mqtt_url)
    chance = random.Random(SEED)  # the same moments in every run
    async with (
        installation.api() as api,
        MqttClient(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier=f"{site}-machines",
        ) as machines,
    ):
        made = Floor(installation, api, machines, chance, site)
        first, *others = made.machines
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
        item = {"name": "Plate", "routings": [{"site": site, "steps": [step]}]}
        wanted = {"down_threshold_ms": 500, "frozen_ms": 2 * MINUTE_MS, "improve_ms": 500}
        for path, body in (
            (f"sites/{site}", {"name": "Killed", "time_zone": "UTC"}),
            (f"planning/{site}/policy", wanted | (policy or {})),
            *((f"machines/{path}", {"name": path[-7:]}) for path in made.machines),
            ("customers/acme", {"name": "Acme Ltd"}),
            (f"items/{site}-plate", item),
        ):
            answer = await api.put(f"/v1/{path}", json=body)
            assert answer.is_success, answer.text
        for place in range(8):
            await made.order(minutes=20 + 10 * place)
        yield made


async def kill(installation: Installation, service: str, dead: set[int]) -> None:
    """Kill a service that lives; one that was killed before has to be back."""

    async def lives() -> bool:
        with contextlib.suppress(LookupError):
            return installation.pid(service) not in dead
        return False

    await eventually(lives, bool, seconds=PATIENCE_S)
    dead.add(installation.kill(service))


async def stored(shop: Floor, number: int) -> list[Violation]:
    """What the validator says of a plan of the site, as it is stored."""
    async with await psycopg.AsyncConnection.connect(
        shop.installation.addresses.database_url, autocommit=True
    ) as connection:
        cursor = await connection.execute(
            "SELECT id, as_of_ms FROM plans WHERE scope = %s AND number = %s", (shop.site, number)
        )
        row = await cursor.fetchone()
        assert row is not None
        plan_id, as_of_ms = row
        loaded = await load_problem(connection, shop.site, now_ms=as_of_ms)
        return await judged(connection, plan_id, loaded.problem)


async def check_answers(shop: Floor, plans: list[dict[str, Any]]) -> None:
    """Each disruption that was made was told once, and answered once."""
    told = await shop.disruptions()
    kinds = Counter(one["kind"] for one in told)
    assert sorted(await shop.breakdowns()) == sorted(shop.told_down)
    rush = [one["order_number"] for one in told if one["kind"] == DisruptionKind.RUSH_ORDER]
    assert sorted(rush) == sorted(shop.rush)
    assert kinds[DisruptionKind.WORK_RELEASED] == 8
    # Reasons go on to the plans that are improved; whose answer it is says its own row.
    first = {plan["number"]: plan for plan in plans if plan["method"] not in {CP_SAT, LOCAL}}
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
