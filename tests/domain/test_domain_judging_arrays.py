"""What is judged in one go is judged as it is object by object."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.intake import Accepted, Refused, judge

NOW_MS = 1_790_000_000_000
KINDS = ("count", "job", "state", "reading", "message", "operator", "material", "heartbeat")

sound: dict[str, Any] = {
    "t": NOW_MS,
    "boot": "b",
    "seq": 7,
    "name": "n",
    "value": 1.5,
    "good": 1,
    "state": "running",
    "event": "started",
    "work_order": "w",
    "operation": 3,
    "code": "c",
    "severity": "info",
    "operator": "o",
    "item": "i",
    "quantity": 2,
}
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["2026-01-01T00:00:00Z", "2026-13-01T00:00:00Z", NOW_MS + 600_000, "\x00"]),
)


@st.composite
def objects(draw: st.DrawFn) -> object:
    changed = draw(st.dictionaries(st.sampled_from(sorted(sound)), odd, max_size=1))
    without = draw(st.sets(st.sampled_from(sorted(sound)), max_size=1))
    one: dict[str, Any] = {
        name: value for name, value in (sound | changed).items() if name not in without
    }
    return draw(st.one_of(st.just(one), st.just(one), st.just(one), odd))


def judged(kind: str, payload: bytes) -> list[Accepted | Refused]:
    topic = f"gemba/v1/s/a/l/m/{kind}"
    return judge(topic, payload, size=len(payload), received_ms=NOW_MS)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(kind=st.sampled_from(KINDS), array=st.lists(objects(), max_size=4))
def test_an_array_is_judged_as_its_objects_alone(kind: str, array: list[object]) -> None:
    bodies = [msgspec.json.encode(one) for one in array]
    alone = [
        judged(kind, body)[0]
        if body.startswith(b"{")
        else judged(kind, b"[" + body + b"]")[0]  # what is no object cannot be told from no array
        for body in bodies
    ]
    assert judged(kind, b"[" + b",".join(bodies) + b"]") == alone


@settings(max_examples=300, deadline=None, derandomize=True)
@given(kind=st.sampled_from(KINDS), one=objects(), cut=st.integers(0, 3), space=st.booleans())
def test_space_around_it_changes_nothing(kind: str, one: object, cut: int, space: bool) -> None:  # noqa: FBT001 - Hypothesis gives it
    payload = msgspec.json.encode(one)
    payload = payload[: len(payload) - cut]
    around = b" " + payload + (b"\n" if space else b"")
    found, told = judged(kind, payload), judged(kind, around)
    assert [type(item) for item in found] == [type(item) for item in told]
    for here, there in zip(found, told, strict=True):
        if isinstance(here, Accepted):
            assert here == there
        elif isinstance(there, Refused):
            assert here.code is there.code


def test_bytes_that_are_not_utf_8_are_refused_whole() -> None:
    payload = b'[{"t":1790000000000,"boot":"b","seq":1,"extra":"\xff"}]'
    (refused,) = judged("heartbeat", payload)
    assert isinstance(refused, Refused)
    assert refused.code == "not_json"
