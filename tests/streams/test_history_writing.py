"""What the telemetry agent keeps for reports (HIST-1 … HIST-8), on both flavours."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg.errors import DuplicateObject
from stream_harness import Floor

from domain.floor.metrics import METRICS, NAME_CHARACTERS
from store.history.notes import note_touched
from store.telemetry.history import Slots, put_slots, put_state_changes
from store.telemetry.writing import INSERT_SAMPLES, put_metrics

T0 = 1_772_431_200_000  # 2026-03-02T06:00:00Z
DAY_MS = 86_400_000
MACHINE = "plant/cutting/line1/m1"
OTHER = "plant/cutting/line1/m2"


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    floor = await Floor.open(database_url)
    yield floor
    await floor.close()


def sent(kind: str, seq: int, *, machine: str = MACHINE, **more: Any) -> tuple[str, bytes]:
    body = {"t": T0 + seq * 1000, "boot": "b", "seq": seq} | more
    return f"gemba/v1/{machine}/{kind}", json.dumps(body).encode()


def reading(seq: int, value: object, name: str = "force", **more: Any) -> tuple[str, bytes]:
    return sent("reading", seq, name=name, value=value, **more)


async def measured(floor: Floor) -> list[tuple[Any, ...]]:
    return await floor.query(
        """
        SELECT s.seq, m.name, m.unit, s.value
        FROM samples s LEFT JOIN metrics m ON m.id = s.metric_id
        ORDER BY s.t_ms, s.seq
        """
    )


async def state_rows(floor: Floor, machine: str = MACHINE) -> list[tuple[Any, ...]]:
    return await floor.query(
        """
        SELECT s.e_ms - %s, s.nth, s.left_state, s.left_reason, s.state, s.reason
        FROM state_changes s JOIN machines m ON m.id = s.machine_id WHERE m.path = %s
        ORDER BY s.e_ms, s.nth
        """,
        T0,
        machine,
    )


async def slot_rows(floor: Floor, machine: str = MACHINE) -> list[tuple[Any, ...]]:
    return await floor.query(
        """
        SELECT p.slot_ms, p.good, p.scrap FROM piece_slots p JOIN machines m ON m.id = p.machine_id
        WHERE m.path = %s ORDER BY p.slot_ms
        """,
        machine,
    )


async def compress(floor: Floor) -> None:
    """What the policies do after weeks; plain partitions know no such thing."""
    if not os.environ.get("GEMBA_TEST_TIMESCALE_URL"):
        return
    for table in ("samples", "piece_slots", "state_changes"):
        chunks = await floor.query("SELECT show_chunks(%s)", table)
        assert chunks
        for (chunk,) in chunks:
            # The policy, which runs as soon as it is made, may be quicker.
            with suppress(DuplicateObject):
                await floor.query("SELECT compress_chunk(%s)", chunk)


class TestReadings:
    async def test_hist_1_numbers_and_truth_values_are_kept_as_numbers_and_text_is_not(
        self, floor: Floor
    ) -> None:
        values: list[object] = [1.5, 7, True, False, "seven", 10**400, -0.0]
        await floor.send([reading(n, value, f"r{n}") for n, value in enumerate(values)])
        assert await measured(floor) == [
            (0, "r0", None, 1.5),
            (1, "r1", None, 7.0),
            (2, "r2", None, 1.0),
            (3, "r3", None, 0.0),
            (4, None, None, None),
            (5, None, None, None),
            (6, "r6", None, 0.0),
        ]
        assert await floor.dead_letters("plant") == []

    async def test_hist_1_many_at_once_are_kept_like_few(self, floor: Floor) -> None:
        many = INSERT_SAMPLES * 2
        mixed = [
            reading(n, n / 2, f"r{n % 3}") if n % 4 else sent("heartbeat", n) for n in range(many)
        ]
        await floor.send(mixed)
        assert await measured(floor) == [
            (n, f"r{n % 3}", None, n / 2) if n % 4 else (n, None, None, None) for n in range(many)
        ]
        bodies = await floor.query("SELECT body FROM samples ORDER BY seq")
        assert [row[0] for row in bodies] == [payload for _, payload in mixed]

    async def test_hist_2_the_unit_is_the_newest_told(self, floor: Floor) -> None:
        await floor.send([reading(1, 1, unit="N"), reading(2, 2), reading(3, 3, unit="kN")])
        assert {row[2] for row in await measured(floor)} == {"kN"}
        await floor.send([reading(0, 0, unit="N")])
        assert {row[2] for row in await measured(floor)} == {"kN"}
        await floor.restart()
        await floor.send([reading(5, 1, unit="lbf"), reading(4, 1, unit="N")])
        assert [row[1:3] for row in await measured(floor)] == [("force", "lbf")] * 6
        assert await floor.query("SELECT count(*) FROM metrics") == [(1,)]

    async def test_hist_2_a_machine_has_its_own_names(self, floor: Floor) -> None:
        await floor.send([reading(0, 1), reading(0, 2, machine=OTHER)])
        assert await floor.query("SELECT count(DISTINCT machine_id), count(*) FROM metrics") == [
            (2, 2)
        ]

    async def test_hist_3_a_name_that_is_too_long_makes_no_series(self, floor: Floor) -> None:
        rng = random.Random(7)
        letters = [chr(rng.randrange(0x4E00, 0x9FFF)) for _ in range(3_000)]
        fits, too_long = "".join(letters[:NAME_CHARACTERS]), "".join(letters)
        await floor.send([reading(0, 1, fits), reading(1, 2, too_long, unit=too_long)])
        assert [row[1] for row in await measured(floor)] == [fits, None]

    async def test_hist_3_names_without_end_make_no_series_without_end(
        self, floor: Floor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert METRICS > 1_000
        monkeypatch.setattr("domain.floor.metrics.METRICS", 3)
        await floor.send([reading(n, n, f"r{n}") for n in range(5)])
        await floor.send([reading(5, 5, "r1")])
        assert [row[1] for row in await measured(floor)] == ["r0", "r1", "r2", None, None, "r1"]

    async def test_a_name_with_nul_is_one_with_its_symbol(self, floor: Floor) -> None:
        names = ["a\x00", "a\u2400"]
        await floor.send([reading(n, n, names[n % 2]) for n in range(4)])
        await floor.restart()
        await floor.send([reading(n, n, names[n % 2]) for n in range(4, 8)])
        assert [row[1] for row in await measured(floor)] == ["a\u2400"] * 8


class TestStatesAndSlots:
    async def test_hist_4_a_row_stands_where_state_or_reason_changed(self, floor: Floor) -> None:
        await floor.send([sent("state", 0, state="running"), sent("state", 1, state="running")])
        await floor.restart()
        await floor.send([sent("state", 2, state="down"), sent("heartbeat", 3)])
        await floor.send([sent("state", 4, state="down", reason="jam")])
        assert await state_rows(floor) == [
            (0, 0, None, None, "running", None),
            (2000, 0, "running", None, "down", None),
            (4000, 0, "down", None, "down", "jam"),
        ]

    async def test_hist_5_a_late_state_takes_its_place(self, floor: Floor) -> None:
        await floor.send([sent("state", 0, state="running"), sent("state", 10, state="down")])
        await floor.send([sent("state", 5, state="idle", source="aux")])
        assert await state_rows(floor) == [
            (0, 0, None, None, "running", None),
            (5000, 0, "running", None, "idle", None),
            (10_000, 0, "idle", None, "down", None),
        ]
        await floor.send([sent("state", 7, state="down", source="aux")])
        assert (await state_rows(floor))[-1] == (7000, 0, "idle", None, "down", None)

    async def test_hist_4_a_long_reason_is_cut_and_nul_is_shown(self, floor: Floor) -> None:
        await floor.send(
            [
                sent("state", 0, state="down", reason="x" * 5_000),
                sent("state", 1, state="idle", reason="\x00"),
            ]
        )
        rows = await state_rows(floor)
        assert rows[0][5] == "x" * 200
        assert rows[1][3:] == ("x" * 200, "idle", "\u2400")

    async def test_hist_4_nothing_is_sent_where_nothing_changed(self, database_url: str) -> None:
        # A connection that would refuse any statement.
        closed = await AsyncConnection.connect(database_url)
        await closed.close()
        await put_state_changes(closed, [])
        await put_slots(closed, [Slots(1, [], {})])
        await put_metrics(closed, [])
        await note_touched(closed, [])

    @pytest.mark.parametrize("seed", range(3))
    async def test_hist_5_any_order_restarts_and_compression_end_in_the_same_rows(
        self, floor: Floor, monkeypatch: pytest.MonkeyPatch, seed: int
    ) -> None:
        rng = random.Random(seed)
        objects = _week(rng)
        await floor.send([sent(kind, seq, machine=OTHER, **obj) for kind, seq, obj in objects])
        monkeypatch.setattr("domain.floor.past.MARK_EVERY", 8)
        monkeypatch.setattr("streams.telemetry.changes.WINDOW_FACTS", 32)
        rng.shuffle(objects)
        while objects:
            size = rng.randint(1, 60)
            batch, objects = objects[:size], objects[size:]
            await floor.send([sent(kind, seq, **obj) for kind, seq, obj in batch])
            if rng.random() < 0.3:
                await floor.restart()
            if rng.random() < 0.3:
                await compress(floor)
        assert await state_rows(floor) == await state_rows(floor, OTHER)
        assert len(await state_rows(floor)) > 50
        assert await slot_rows(floor) == await slot_rows(floor, OTHER)
        assert len(await slot_rows(floor)) > 50
        assert await floor.dead_letters("plant") == []


def _week(rng: random.Random) -> list[tuple[str, int, dict[str, Any]]]:
    """Two publishers over forty days and two months, whose clocks step back now and then."""
    objects: list[tuple[str, int, dict[str, Any]]] = []
    for source in ("main", "aux"):
        t_ms = T0
        for seq in range(200):
            t_ms += rng.randint(-DAY_MS // 20, DAY_MS // 2)
            shared = {"t": t_ms, "source": source}
            match rng.randint(0, 3):
                case 0:
                    objects.append(("count", seq, shared | {"good": rng.randint(0, 4)}))
                case 1:
                    objects.append(("count", seq, shared | {"good_total": rng.randint(0, 400)}))
                case 2:
                    objects.append(("reading", seq, shared | {"name": "r", "value": seq}))
                case _:
                    state = rng.choice(["running", "idle", "down"])
                    objects.append(("state", seq, shared | {"state": state}))
    return objects


class TestPartitions:
    async def test_hist_6_effective_times_find_a_partition_as_well(self, floor: Floor) -> None:
        await floor.send([sent("state", 0, state="running", t=T0 + 30 * DAY_MS)])
        if await floor.query("SELECT 1 FROM pg_class WHERE relname = 'state_changes_2026_04'"):
            # As after an upgrade: the samples had their partitions, the others had none.
            async with floor.pool.connection() as connection:
                await connection.execute("DROP TABLE state_changes_2026_04, piece_slots_2026_04")
        await floor.restart()
        await floor.send([sent("state", 1, state="down"), sent("count", 2, good=1)])
        e_ms = 30 * DAY_MS
        assert (await state_rows(floor))[-1] == (e_ms, 1, "running", None, "down", None)
        assert await slot_rows(floor) == [(T0 + e_ms, 1, 0)]


class TestTouched:
    async def test_hist_7_what_came_below_the_watermark_is_noted_with_its_earliest_time(
        self, floor: Floor
    ) -> None:
        await floor.query(
            "UPDATE rollup_state SET announced_ms = %s RETURNING 1", T0 + 100 * DAY_MS
        )
        await floor.send([reading(50, 1), sent("heartbeat", 0)])
        assert await self._touched(floor) == [50_000]
        await floor.send([sent("count", 40, good=1, source="aux")])
        assert await self._touched(floor) == [0]  # the slot's beginning
        await floor.query("DELETE FROM history_touched RETURNING 1")
        await floor.send([sent("heartbeat", 60), reading(61, "text")])
        assert await self._touched(floor) == []

    async def test_hist_7_fresh_data_is_not_noted(self, floor: Floor) -> None:
        now_ms = time.time_ns() // 1_000_000
        await floor.query("UPDATE rollup_state SET announced_ms = %s RETURNING 1", now_ms)
        await floor.send([reading(0, 1, t=now_ms - 1000)], received_ms=now_ms)
        assert await self._touched(floor) == []

    async def _touched(self, floor: Floor) -> list[int]:
        rows = await floor.query("SELECT since_ms - %s FROM history_touched", T0)
        return [row[0] for row in rows]


class TestTooLate:
    async def test_hist_8_what_belongs_before_what_is_kept_is_set_aside(
        self, floor: Floor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("domain.floor.past.MARK_EVERY", 8)
        monkeypatch.setattr("streams.telemetry.changes.WINDOW_FACTS", 32)
        await floor.send([sent("count", n, good=1) for n in range(1, 200)])
        (kept_ms, last_ms), *_ = await floor.query(
            "SELECT min(e_ms), max(e_ms) FROM checkpoints WHERE e_ms > %s", T0 + 50_000
        )
        assert kept_ms < last_ms
        await floor.query(
            "INSERT INTO history_horizons SELECT id, %s FROM machines RETURNING 1", kept_ms
        )
        await floor.query("DELETE FROM samples WHERE t_ms < %s RETURNING 1", kept_ms)
        before = await slot_rows(floor)
        late = sent("count", 0, good=100, source="aux")
        inside = sent("count", 0, good=100, source="more", t=kept_ms + 500)
        repeated = sent("count", 10, good=1)
        await floor.send([late, inside, repeated])
        ((code, reason),) = await floor.dead_letters("plant")
        assert code == "too_late"
        assert str(kept_ms) in reason
        await floor.restart()
        await floor.send([late, sent("count", 200, good=1)])
        assert [code for code, _ in await floor.dead_letters("plant")] == ["too_late"] * 2
        assert await floor.unassigned("plant") == [(MACHINE, 199 + 100 + 1, 0)]
        assert sum(row[1] for row in await slot_rows(floor)) == 300
        assert len(before) == len(await slot_rows(floor))
