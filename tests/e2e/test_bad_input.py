"""Bad input ends visibly, the rest flows on, and nothing crashes."""

from __future__ import annotations

import collections
import json
import random
from typing import Any

import httpx
from installation import Installation, eventually, operations

from runtime.mqtt_client import MqttClient
from runtime.mqtt_url import parse_mqtt_url

SITE = "garbage"
MACHINE = f"gemba/v1/{SITE}/area/line/m1"
T0 = 1_772_431_200_000
RANDOM_PAYLOADS = 150


def _json(**fields: Any) -> bytes:
    return json.dumps({"t": T0, "boot": "b"} | fields).encode()


REFUSED: list[tuple[str, bytes, str]] = [
    (f"{MACHINE}/count", _json(seq=3, good=2**64), "field"),
    (f"{MACHINE}/count", _json(seq=2**63, good=1), "field"),
    (f"{MACHINE}/count", _json(seq=0, boot="a\0b", good=1), "field"),
    (f"{MACHINE}/count", _json(seq=4, good=1, good_total=1), "count_forms"),
    (f"{MACHINE}/count", _json(seq=4, good=1, work_order="A"), "operation_pair"),
    (f"{MACHINE}/count", _json(seq=4, good=1, t="2026-02-30T00:00:00Z"), "time"),
    (f"{MACHINE}/count", _json(seq=4, good=1, t="1999-12-31T23:59:59Z"), "time_too_old"),
    (f"{MACHINE}/count", _json(seq=4, good=1, t="2999-01-01T00:00:00Z"), "time_ahead"),
    (f"{MACHINE}/count", b"x" * (256 * 1024 + 1), "too_large"),
    (f"{MACHINE}/count", b"[" * 3_000 + b"]" * 3_000, "not_json"),
    (f"{MACHINE}/count", b'{"t":1,"boot":"\xff","seq":0,"good":1}', "not_json"),
    (f"{MACHINE}/count", b"", "not_json"),
    (f"{MACHINE}/count", b"null", "not_an_object"),
    (f"{MACHINE}/speed", b"{}", "topic"),
    (f"gemba/v1/{SITE}", b"1", "topic"),
    (f"gemba/v1/{SITE}//line/m1/count", b"{}", "topic"),
    (f"gemba/v1/{SITE}/warehouse/z/d/move", _json(seq=0, event="picked", item="i", quantity=-1),
     "field"),
]  # fmt: skip
ACCEPTED = [
    (
        f"{MACHINE}/job",
        _json(seq=0, event="started", work_order="'; DROP TABLE x; --", operation=1),
    ),
    (f"{MACHINE}/count", _json(seq=1, good=2**62)),
    (f"{MACHINE}/count", _json(seq=2, good=2**62)),
    (f"{MACHINE}/state", _json(seq=5, state="down", reason="a\0b\u2603")),
    (f"{MACHINE}/job", _json(seq=6, event="started", work_order="", operation=-(2**62))),
    (f"{MACHINE}/count", _json(seq=7, good=3, unknown={"deep": [[[1]]]})),
]


async def test_every_refusal_is_told_and_the_rest_flows_on(installation: Installation) -> None:
    rng = random.Random(9)
    messages = [(topic, payload) for topic, payload, _ in REFUSED] + ACCEPTED
    for _ in range(RANDOM_PAYLOADS):
        kind = rng.choice(["count", "job", "state", "reading", "message", "operator", "material"])
        messages.append((f"{MACHINE}/{kind}", b"\x80" + rng.randbytes(rng.randrange(60))))
    rng.shuffle(messages)
    broker = parse_mqtt_url(installation.addresses.machine_mqtt_url)
    async with (
        MqttClient(
            broker.host, broker.port, username=broker.username, password=broker.password
        ) as client,
        installation.api() as api,
    ):
        for topic, payload in messages:
            await client.publish(topic, payload, qos=1)

        async def arrivals() -> int:
            answer = await api.get("/v1/ingest", params={"site": SITE})
            return int(answer.json()["arrivals"])

        await eventually(arrivals, lambda seen: seen >= len(messages))
        assert await arrivals() == len(messages)
        letters = await _letters(api)
        expected = collections.Counter(code for _, _, code in REFUSED)
        expected["not_json"] += RANDOM_PAYLOADS
        assert collections.Counter(letter["code"] for letter in letters) == expected
        assert all(letter["reason"] for letter in letters)
        assert [
            (one["work_order"], one["good_pieces"], one["state"])
            for one in await operations(api, SITE)
        ] == [("", 3, "running"), ("'; DROP TABLE x; --", 2**63, "interrupted")]
        assert (await api.get("/readyz")).status_code == 200

        # A replayed letter whose cause is still there is refused again, and says so again.
        letter = next(one for one in letters if one["code"] == "time_ahead")
        answer = await api.post(f"/v1/dead-letters/{letter['id']}/replay")
        assert answer.is_success, answer.text

        async def refused_again() -> int:
            return sum(one["code"] == "time_ahead" for one in await _letters(api))

        await eventually(refused_again, lambda seen: seen == 2)


async def _letters(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await api.get("/v1/dead-letters", params={"site": SITE, "limit": 1000})
    items: list[dict[str, Any]] = answer.json()["items"]
    return items
