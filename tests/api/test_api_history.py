"""A machine's past over HTTP: resolutions, pages of single values, export, refusals."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from api_client import MACHINE, OTHER_MACHINE, Api

from domain.access import Role
from store.telemetry.adoption import HistoryPartitions

BEGIN_MS = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp() * 1_000)
FROM, TO = "2026-03-02T00:00:00Z", "2026-03-02T06:00:00Z"
HISTORY = f"/v1/machines/{MACHINE}/history"
MINUTE_MS = 60_000


async def fill(api: Api, *, minutes: int) -> None:
    """A reading a minute of two metrics, pieces each 5 minutes, a state each 10 minutes."""
    ((machine_id,),) = await api.rows("SELECT id FROM machines WHERE path = %s", MACHINE)
    async with api.context.connection() as connection:
        await HistoryPartitions().ensure(connection, [(2026, 3)])
        await connection.execute(
            """
            WITH m AS (
                INSERT INTO metrics (machine_id, name, unit)
                VALUES (%(machine)s, 'speed', 'm/s'), (%(machine)s, '=temp', '°C') RETURNING id
            ), p AS (
                INSERT INTO publishers (machine_id, source, boot) VALUES (%(machine)s, 'main', 'b')
                RETURNING id
            )
            INSERT INTO samples (machine_id, t_ms, publisher_id, seq, kind, received_ms, body,
                                 metric_id, value)
            SELECT %(machine)s, %(begin)s + n * 60000::bigint, p.id, n * 1000 + m.id, 4, 0, '',
                   m.id, n / 2.0
            FROM m, p, generate_series(0, %(minutes)s - 1) n
            """,
            {"machine": machine_id, "begin": BEGIN_MS, "minutes": minutes},
        )
        await connection.execute(
            "INSERT INTO piece_slots SELECT %s, %s + n * 300000::bigint, 10, 1"
            " FROM generate_series(0, %s) n",
            (machine_id, BEGIN_MS, (minutes - 1) // 5),
        )
        await connection.execute(
            """
            INSERT INTO state_changes
            SELECT %s, %s + n * 600000::bigint, 0,
                   CASE WHEN n > 0 THEN (ARRAY['down', 'running'])[1 + n %% 2] END,
                   CASE WHEN n > 0 AND n %% 2 = 0 THEN 'jam' END,
                   (ARRAY['running', 'down'])[1 + n %% 2], CASE WHEN n %% 2 = 1 THEN 'jam' END
            FROM generate_series(0, %s) n
            """,
            (machine_id, BEGIN_MS, (minutes - 1) // 10),
        )


async def ask(client: httpx.AsyncClient, **parameters: Any) -> dict[str, Any]:
    answer = await client.get(HISTORY, params={"from": FROM, "to": TO, **parameters})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_buckets_tell_pieces_states_and_readings(api: Api, plant: httpx.AsyncClient) -> None:
    await fill(api, minutes=360)
    found = await ask(plant, resolution="1h")
    assert (found["machine"], found["site"], found["time_zone"]) == (
        MACHINE,
        "plant-1",
        "Asia/Shanghai",
    )
    assert (found["from"], found["to"], found["resolution"]) == (FROM, TO, "1h")
    assert len(found["buckets"]) == 6
    second = found["buckets"][1]
    assert (second["good"], second["scrap"]) == (120, 12)
    assert second["states"] == [
        {"state": "down", "reason": "jam", "ms": 30 * MINUTE_MS},
        {"state": "running", "reason": None, "ms": 30 * MINUTE_MS},
    ]
    assert second["readings"] == [
        {"metric": "=temp", "n": 60, "mean": 44.75, "min": 30.0, "max": 59.5},
        {"metric": "speed", "n": 60, "mean": 44.75, "min": 30.0, "max": 59.5},
    ]
    assert found["values"] == found["changes"] == found["slots"] == []


async def test_auto_takes_what_suits_the_range(api: Api, plant: httpx.AsyncClient) -> None:
    await fill(api, minutes=1_440)
    for end, resolution in (
        ("2026-03-02T06:00:00Z", "raw"),
        ("2026-03-03T00:00:00Z", "5m"),
        ("2026-03-30T00:00:00Z", "1h"),
        ("2027-03-02T00:00:00Z", "1d"),
    ):
        assert (await ask(plant, to=end))["resolution"] == resolution
    assert (await ask(plant, to="2026-03-03T00:00:00Z", metrics="speed"))["resolution"] == "raw"


async def test_a_day_is_the_sites(api: Api, plant: httpx.AsyncClient) -> None:
    await fill(api, minutes=1_440)
    found = await ask(plant, resolution="1d", to="2026-03-03T00:00:00Z")
    assert [(one["start"], one["good"]) for one in found["buckets"]] == [
        ("2026-03-01T16:00:00Z", 16 * 120),
        ("2026-03-02T16:00:00Z", 8 * 120),
    ]


async def test_raw_pages_have_no_gap_and_nothing_twice(api: Api, plant: httpx.AsyncClient) -> None:
    await fill(api, minutes=60)
    values: list[Any] = []
    slots: list[Any] = []
    start = FROM
    for _ in range(100):
        found = await ask(plant, resolution="raw", limit=7, **{"from": start})
        assert found["changes"][0]["at"] == found["from"]
        values += found["values"]
        slots += found["slots"]
        start = found["to"]
        if not found["truncated"]:
            break
    assert start == TO
    assert len(values) == len({(one["at"], one["metric"]) for one in values}) == 120
    assert len(slots) == len({one["start"] for one in slots}) == 12


async def test_more_at_one_time_than_the_limit_come_together(
    api: Api, plant: httpx.AsyncClient
) -> None:
    await fill(api, minutes=3)
    found = await ask(plant, resolution="raw", limit=1)
    assert len(found["values"]) == 2
    assert found["truncated"]


async def test_states_last_until_now_and_no_longer(api: Api, plant: httpx.AsyncClient) -> None:
    await fill(api, minutes=60)
    found = await ask(
        plant, resolution="1d", to="2199-01-01T00:00:00Z", **{"from": "2195-01-01T00:00:00Z"}
    )
    assert not any(one["states"] for one in found["buckets"])


class TestExport:
    async def test_buckets(self, api: Api, plant: httpx.AsyncClient) -> None:
        await fill(api, minutes=60)
        answer = await plant.get(
            HISTORY, params={"from": FROM, "to": TO, "resolution": "1h", "format": "csv"}
        )
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert (
            "plant-1_cutting_line1_m01_20260302T000000Z_1h.csv"
            in (answer.headers["content-disposition"])
        )
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert len(rows) == 6
        assert rows[0]["start"] == "2026-03-02T00:00:00+00:00"
        assert (rows[0]["good"], rows[0]["running_ms"], rows[0]["speed mean"]) == (
            "120",
            "1800000",
            "14.75",
        )
        assert rows[0]["'=temp n"] == "60"  # no formula in a spreadsheet
        assert rows[5]["speed n"] == ""

    async def test_single_values(self, api: Api, plant: httpx.AsyncClient) -> None:
        await fill(api, minutes=10)
        answer = await plant.get(
            HISTORY, params={"from": FROM, "to": TO, "resolution": "raw", "format": "csv"}
        )
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
        assert [row["what"] for row in rows].count("reading") == 20
        assert {row["name"] for row in rows} == {"speed", "'=temp", "state", "good", "scrap"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("parameters", "field"),
        [
            ({"from": "yesterday"}, "from"),
            ({"from": "2026-03-02T00:00:00"}, "from"),
            ({"from": TO, "to": FROM}, "from"),
            ({"from": FROM, "to": FROM}, "from"),
            ({"resolution": "2h"}, "resolution"),
            ({"resolution": "5m", "to": "2027-01-01T00:00:00Z"}, "resolution"),
            ({"metrics": "pressure"}, "metrics"),
            ({"limit": "0"}, "limit"),
            ({"format": "xml"}, "format"),
        ],
    )
    async def test_the_field_is_named(
        self, plant: httpx.AsyncClient, parameters: dict[str, str], field: str
    ) -> None:
        answer = await plant.get(HISTORY, params={"from": FROM, "to": TO, **parameters})
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert [error["field"] for error in answer.json()["errors"]] == [field]

    async def test_the_beginning_is_required(self, plant: httpx.AsyncClient) -> None:
        answer = await plant.get(HISTORY)
        assert answer.status_code == 422
        assert [error["field"] for error in answer.json()["errors"]] == ["from"]

    @pytest.mark.parametrize("what", ["history", "metrics"])
    async def test_a_machine_of_another_site_does_not_exist(
        self, api: Api, plant: httpx.AsyncClient, what: str
    ) -> None:
        viewer = await api.as_role(Role.VIEWER, "plant-2")
        for path in (MACHINE, "plant-1/no/such/machine"):
            answer = await viewer.get(f"/v1/machines/{path}/{what}", params={"from": FROM})
            assert answer.status_code == 404
            assert answer.json()["detail"] == f"There is no machine '{path}'."
        answer = await plant.get(f"/v1/machines/plant-1/no/such/one/{what}", params={"from": FROM})
        assert answer.status_code == 404
        answer = await api.client().get(f"/v1/machines/{MACHINE}/{what}", params={"from": FROM})
        assert answer.status_code == 401


async def test_metrics_are_listed_with_their_units(api: Api, plant: httpx.AsyncClient) -> None:
    await fill(api, minutes=1)
    answer = await plant.get(f"/v1/machines/{MACHINE}/metrics")
    assert answer.json() == {
        "items": [{"name": "=temp", "unit": "°C"}, {"name": "speed", "unit": "m/s"}],
        "total": 2,
    }
    answer = await plant.get(f"/v1/machines/{OTHER_MACHINE}/metrics")
    assert answer.json() == {"items": [], "total": 0}
