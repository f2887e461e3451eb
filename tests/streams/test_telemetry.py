"""The telemetry agent on a real database: the reference scenarios, restarts, fences, poison."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from stream_harness import REFERENCE, Floor, payload_of

from contracts.streams import FLOOR, PROGRESS, TELEMETRY, Bundle, encode_bundle
from domain.floor import machine as floor_machine
from domain.floor import past as floor_past
from streams.consumption import Fenced
from streams.telemetry import PoisonedError

SITE = "plant-t"
TOPIC = f"gemba/v1/{SITE}/cutting/line1/m01"
T0 = 1_772_431_200_000


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    floor = await Floor.open(database_url)
    yield floor
    await floor.close()


def job(seq: int, event: str, work_order: str = "WO-1", **more: Any) -> tuple[str, bytes]:
    body = {"t": T0 + seq * 1000, "boot": "b", "seq": seq, "event": event}
    body |= {"work_order": work_order, "operation": 10} | more
    return f"{TOPIC}/job", json.dumps(body).encode()


def count(seq: int, **more: Any) -> tuple[str, bytes]:
    body = {"t": T0 + seq * 1000, "boot": "b", "seq": seq} | more
    return f"{TOPIC}/count", json.dumps(body).encode()


SCENARIOS = sorted(REFERENCE.glob("floor/*.json"))


@pytest.mark.reference_data
@pytest.mark.skipif(not SCENARIOS, reason="the reference data is not beside this checkout")
@pytest.mark.parametrize("small_window", [False, True])
async def test_every_reference_scenario_gives_its_expected_result(
    floor: Floor, monkeypatch: pytest.MonkeyPatch, *, small_window: bool
) -> None:
    rng = random.Random(11)
    if small_window:  # so that late objects fall behind checkpoints, and bases have to be fetched
        monkeypatch.setattr(floor_machine, "WINDOW_FACTS", 8)
        monkeypatch.setattr("streams.telemetry.changes.WINDOW_FACTS", 8)
        monkeypatch.setattr(floor_past, "MARK_EVERY", 2)
    for path in SCENARIOS:
        scenario = json.loads(path.read_text())
        messages = [(one["topic"], payload_of(one)) for one in scenario["messages"]]
        at = 0
        while at < len(messages):
            size = rng.randint(1, 40)
            await floor.send(messages[at : at + size])
            at += size
            if rng.random() < 0.2:
                await floor.restart()
        expect = scenario["expect"]
        names = ("work_order", "operation", "good", "scrap", "runs", "state")
        assert await floor.operations(scenario["site"]) == sorted(
            tuple(one[name] for name in names) for one in expect["operations"]
        ), path.name
        assert await floor.unassigned(scenario["site"]) == sorted(
            (one["machine"], one["good"], one["scrap"]) for one in expect["unassigned"]
        ), path.name
        assert len(await floor.dead_letters(scenario["site"])) == expect["dead_letters"], path.name


async def test_a_batch_that_comes_again_changes_nothing(floor: Floor) -> None:
    messages = [job(0, "started"), count(1, good=5), count(2, scrap=1)]
    records = await floor.send(messages)
    await floor.agent.handle(records)
    await floor.restart()
    await floor.agent.handle(records)
    await floor.send(messages)
    assert await floor.operations(SITE) == [("WO-1", 10, 5, 1, 1, "running")]
    assert await floor.query("SELECT arrivals, accepted, repeats FROM ingest_totals") == [(6, 3, 3)]


async def test_a_bundle_sent_twice_by_its_gateway_counts_its_dead_letters_once(
    floor: Floor,
) -> None:
    (record,) = await floor.send([count(0, good=-1), count(1, good=1)])
    again = floor.append(TELEMETRY, record.partition, record.value)
    await floor.agent.handle([again])
    assert [code for code, _ in await floor.dead_letters(SITE)] == ["field"]


async def test_other_content_under_a_used_number_is_a_dead_letter_at_every_arrival(
    floor: Floor,
) -> None:
    await floor.send([count(0, good=1)])
    await floor.send([count(0, good=2)])
    await floor.restart()
    await floor.send([count(0, good=2), count(0, good=1), (f"{TOPIC}/heartbeat", count(0)[1])])
    letters = await floor.dead_letters(SITE)
    assert [code for code, _ in letters] == ["conflict"] * 3
    assert "seq 0 of boot 'b'" in letters[0][1]
    assert await floor.unassigned(SITE) == [(f"{SITE}/cutting/line1/m01", 1, 0)]


async def test_what_loses_its_reason_is_gone(floor: Floor) -> None:
    explicit = {"work_order": "GHOST", "operation": 7}
    await floor.send([count(0, good_total=90), count(2, good_total=100, **explicit)])
    assert await floor.operations(SITE) == [("GHOST", 7, 10, 0, 0, "planned")]
    await floor.send([count(1, good_total=100)])
    assert await floor.operations(SITE) == []
    assert await floor.query("SELECT count(*) FROM work_orders") == [(0,)]


async def test_an_unplanned_work_order_carries_its_source_and_what_was_requested(
    floor: Floor,
) -> None:
    await floor.send([job(0, "started", source="press", requested=50)])
    await floor.send([job(5, "started", source="press", requested=80)])
    rows = await floor.query(
        "SELECT external_source, external_id, quantity_ordered, planned FROM work_orders"
    )
    assert rows == [("press", "WO-1", 80, False)]


async def test_a_worker_that_lost_its_partition_writes_nothing(floor: Floor) -> None:
    await floor.send([job(0, "started")])
    zombie = floor.agent
    await floor.restart()
    record = floor.record([count(1, good=7)], partition=_partition(floor), received_ms=T0)
    with pytest.raises(Fenced):
        await zombie.handle([record])
    await floor.agent.handle([record])
    assert await floor.operations(SITE) == [("WO-1", 10, 7, 0, 1, "running")]


async def test_a_record_that_is_no_bundle_is_a_dead_letter(floor: Floor) -> None:
    record = floor.append(TELEMETRY, 1, b"\x00garbage")
    await floor.agent.handle([record])
    rows = await floor.query("SELECT code, payload, origin_partition FROM dead_letters")
    assert rows == [("record", b"\x00garbage", 1)]


async def test_poison_is_set_aside_alone_and_too_much_of_it_stops_the_partition(
    database_url: str,
) -> None:
    floor = await Floor.open(database_url, poison_limit=2)
    try:
        partition = _partition(floor)
        good = floor.record([count(0, good=1)], partition=partition, received_ms=T0)
        bundle = Bundle("gateway-test", [], [])
        broken = encode_bundle(bundle)[:-1] + b"\x91\x95\xce\x7f\xff\xff\xff\x05\x00\xc4\x01x\x01"
        poison = [floor.append(TELEMETRY, partition, broken) for _ in range(3)]
        await floor.agent.handle([good, poison[0]])
        assert await floor.unassigned(SITE) == [(f"{SITE}/cutting/line1/m01", 1, 0)]
        await floor.agent.handle([poison[1]])
        with pytest.raises(PoisonedError, match="3 poison records in a row"):
            await floor.agent.handle([poison[2]])
        assert await floor.query("SELECT count(*) FROM dead_letters") == [(2,)]
    finally:
        await floor.close()


async def test_policies_set_aside_what_nobody_configured(database_url: str) -> None:
    floor = await Floor.open(database_url, unknown_machine="quarantine")
    try:
        await floor.send([job(0, "started"), count(1, good=1)])
        assert [code for code, _ in await floor.dead_letters(SITE)] == ["unknown_machine"] * 2
        assert await floor.query("SELECT count(*) FROM machines") == [(0,)]
    finally:
        await floor.close()


async def test_the_policy_on_unplanned_operations_lets_the_rest_flow(database_url: str) -> None:
    floor = await Floor.open(database_url, unplanned="quarantine")
    try:
        await floor.send([job(0, "started"), count(1, good=4)])
        assert [code for code, _ in await floor.dead_letters(SITE)] == ["unplanned"]
        assert await floor.unassigned(SITE) == [(f"{SITE}/cutting/line1/m01", 4, 0)]
    finally:
        await floor.close()


async def test_the_events_of_a_batch_stand_in_the_log_with_it(floor: Floor) -> None:
    await floor.send([job(0, "started"), count(1, good=3)])
    rows = await floor.query(
        "SELECT topic, count(*) FROM log_records GROUP BY topic ORDER BY topic"
    )
    assert rows == [(FLOOR, 1), (PROGRESS, 1)]


async def test_pieces_stand_in_slots_and_move_with_a_late_object(floor: Floor) -> None:
    await floor.send([count(0, good=1), count(400, good=2), count(401, scrap=3)])
    slots = "SELECT slot_ms - %s, good::int, scrap::int FROM piece_slots ORDER BY slot_ms"
    assert await floor.query(slots, T0) == [(0, 1, 0), (300_000, 2, 3)]
    late = {"t": T0 + 700_000, "boot": "b", "seq": 399}
    await floor.send([(f"{TOPIC}/heartbeat", json.dumps(late).encode())])
    assert await floor.query(slots, T0) == [(0, 1, 0), (600_000, 2, 3)]


async def test_warehouse_moves_are_stored_like_everything_else(floor: Floor) -> None:
    body = {"t": T0, "boot": "b", "seq": 0, "event": "picked", "item": "A", "quantity": 2}
    topic = f"gemba/v1/{SITE}/warehouse/outbound/gate-1/move"
    await floor.send([(topic, json.dumps(body).encode())])
    assert await floor.query("SELECT kind FROM samples") == [(9,)]


def _partition(floor: Floor) -> int:
    ((_, partition),) = {key for key in floor.offsets if key[0] == TELEMETRY} or {(TELEMETRY, 3)}
    return partition


LONG = "".join(random.Random(1).choices([chr(n) for n in range(0x4E00, 0x9FFF)], k=3_000))


@pytest.mark.parametrize("field", ["source", "boot", "work_order", "machine", "site"])
async def test_arrive_4_a_name_that_no_index_holds_is_refused_alone(
    floor: Floor, field: str
) -> None:
    topic = f"{TOPIC}/job"
    body = {"t": T0, "boot": "b", "seq": 0, "event": "started", "work_order": "W", "operation": 1}
    match field:
        case "machine":
            topic = f"gemba/v1/plant/a/l/{LONG}/job"
        case "site":
            topic = f"gemba/v1/{LONG}/a/l/m/job"
        case _:
            body[field] = LONG
    await floor.send([(topic, json.dumps(body).encode()), count(1, good=1)])
    letters = await floor.query("SELECT code FROM dead_letters")
    assert letters == [("topic" if field in ("machine", "site") else "field",)]
    assert await floor.query("SELECT count(*) FROM samples") == [(1,)]
