"""Readers: what they read, and what they say when there is nothing to read."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.instances.comparing import recognised
from scheduler.instances.evaluation import faults, makespan, value
from scheduler.instances.instance import Alternative, Instance, Objective, Piece
from scheduler.instances.json_format import schema
from scheduler.instances.reading import Format, InstanceError, parse, read_instance

JOBSHOP = b"# two jobs\n2 2\n0 3 1 4\n\n1 2 0 5\n"
FJSP_FROM_ONE = b"2 2 1.5\n2 2 1 25 2 37 1 1 32\n1 1 2 45\n"
SDST = b"2 2\n1 1 1 5\n1 2 1 6 2 7\n0 1\n2 3\n4 5 6 7\n"


def test_a_job_shop() -> None:
    shop = parse(JOBSHOP, Format.JOBSHOP)
    assert shop.machines == 2
    assert [[t.alternatives for t in job.operations] for job in shop.jobs] == [
        [(Alternative(0, 3),), (Alternative(1, 4),)],
        [(Alternative(1, 2),), (Alternative(0, 5),)],
    ]
    assert shop.before(0, 1) == (0,)
    assert shop.before(0, 0) == ()


def test_machines_that_count_from_one_count_from_zero_afterwards() -> None:
    shop = parse(FJSP_FROM_ONE, Format.FJSP)
    assert shop.jobs[0].operations[0].alternatives == (Alternative(0, 25), Alternative(1, 37))
    assert shop.jobs[1].operations[0].alternatives == (Alternative(1, 45),)
    from_zero = parse(b"1 2\n1 2 0 25 1 37\n", Format.FJSP)
    assert from_zero.jobs[0].operations[0].alternatives == (Alternative(0, 25), Alternative(1, 37))


def test_set_up_matrices_are_by_machine_and_operation() -> None:
    shop = parse(SDST, Format.FJSP_SDST)
    assert shop.setups == (((0, 1), (2, 3)), ((4, 5), (6, 7)))
    assert shop.families() == [[0], [1]]


@pytest.mark.parametrize(
    ("content", "kind", "line", "position", "told"),
    [
        (b"", Format.JOBSHOP, 1, 1, "empty"),
        (b"2", Format.JOBSHOP, 1, 2, "the number of machines is expected"),
        (b"2 x\n", Format.JOBSHOP, 1, 3, "'x'"),
        (b"0 2\n", Format.JOBSHOP, 1, 1, "the number of jobs is 0"),
        (b"2 2\n0 1\n", Format.JOBSHOP, 2, 4, "after 1 of 2 jobs"),
        (b"hello\n", Format.JOBSHOP, 1, 1, "'hello'"),
        (b"1 2\n0 1 1\n", Format.JOBSHOP, 2, 6, "a duration is expected"),
        (b"1 2\n0 1 1 -4\n", Format.JOBSHOP, 2, 7, "a duration is -4"),
        (b"1 2\n0 1 1 4.5\n", Format.JOBSHOP, 2, 7, "'4.5'"),
        (b"1 2\n0 1 5 4\n", Format.JOBSHOP, 2, 5, "a machine is 5, but has to be from 0 to 2"),
        (b"1 2\n0 1 2 4\n", Format.JOBSHOP, 2, 5, "a machine 0 in line 2, position 1"),
        (b"1 2\n0 1 1 4\n0 1\n", Format.JOBSHOP, 3, 1, "one too many"),
        (b"1 2 3\n0 1\n", Format.JOBSHOP, 1, 5, "one too many"),
        (b"1 2 many\n1 1 0 1\n", Format.FJSP, 1, 5, "mean"),
        (b"1 2\n1 2 0 1 0 2\n", Format.FJSP, 2, 9, "twice"),
        (b"1 2\n1 1 0 1 9\n", Format.FJSP, 2, 9, "one too many"),
        (b"1 2\n2 1 0 1\n", Format.FJSP, 2, 8, "number of alternatives is expected"),
        (b"1 1\n1 1 0 1\n0 0 0\n", Format.FJSP_SDST, 3, 6, "3 set-ups"),
        (b"1 1\n1 1 0 1\n-1\n", Format.FJSP_SDST, 3, 1, "a set-up is -1"),
        (b"1 1\n0 \xff\n", Format.JOBSHOP, 2, 3, "where a duration is expected"),
        (
            b"1 1\n0 99999999999999999999\n",
            Format.JOBSHOP,
            2,
            3,
            "a duration is 99999999999999999999",
        ),
        (b"1 1\n0 1_0\n", Format.JOBSHOP, 2, 3, "'1_0' where a duration is expected"),
        (b'{"machines": 1,,}', Format.JSON, 1, 16, ""),
    ],
)
def test_what_is_wrong_is_told_with_line_and_position(
    content: bytes, kind: Format, line: int, position: int, told: str
) -> None:
    with pytest.raises(InstanceError) as caught:
        parse(content, kind, name="shop.txt")
    assert str(caught.value).startswith(f"shop.txt, line {line}, position {position}: ")
    assert told in str(caught.value)


GOOD = {
    "machines": 2,
    "objective": "tardiness",
    "jobs": [
        {
            "due": 9,
            "operations": [
                {"alternatives": [{"machine": 0, "duration": 3}], "family": 0},
                {"alternatives": [{"machine": 1, "duration": 3}], "after": [], "family": 1},
                {"alternatives": [{"machine": 1, "duration": 3}], "after": [0, 1], "family": 1},
            ],
        }
    ],
    "setups": [[[0, 2], [2, 0]], [[0, 1], [1, 0]]],
}


def test_json_with_joins_families_and_due_dates() -> None:
    shop = parse(json.dumps(GOOD).encode(), Format.JSON)
    assert shop.objective is Objective.TARDINESS
    assert [shop.before(0, at) for at in range(3)] == [(), (), (0, 1)]
    assert shop.families() == [[0, 1, 1]]
    assert "jobs" in json.dumps(schema())


@pytest.mark.parametrize(
    ("path", "wrong", "told"),
    [
        (("machines",), 0, "machines is 0"),
        (("machines",), "two", "$.machines"),
        (("jobs",), [], "no jobs"),
        (("jobs", 0, "operations"), [], "no operations"),
        (("jobs", 0, "due"), -1, "due is -1"),
        (("jobs", 0, "weight"), 1 << 80, "weight"),
        (("jobs", 0, "operations", 0, "alternatives"), [], "no alternatives"),
        (("jobs", 0, "operations", 0, "after"), [2], "wait for each other"),
        (("jobs", 0, "operations", 0, "after"), [0], "no other operation"),
        (("jobs", 0, "operations", 0, "alternatives", 0, "machine"), 2, "machine 2"),
        (("jobs", 0, "operations", 0, "alternatives", 0, "duration"), -1, "duration"),
        (("jobs", 0, "operations", 0, "family"), 2, "numbered 2"),
        (("setups",), [[[0, 2], [2, 0]]], "1 matrices for 2 machines"),
        (("setups", 1), [[0, 1], [1]], "$.setups[1]"),
        (("setups", 1, 0, 0), -5, "$.setups[1]"),
        (("objective",), "speed", "objective"),
        (("initial_setups",), [[1, 2]], "not 2 rows of 2"),
        (("initial_setups",), [[1, 2], [3, -4]], "a set-up of -4"),
    ],
)
def test_json_that_makes_no_shop(path: tuple[str | int, ...], wrong: object, told: str) -> None:
    document = json.loads(json.dumps(GOOD))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = wrong
    with pytest.raises(InstanceError, match=r"^input, line \d+, position \d+, \$") as caught:
        parse(json.dumps(document, indent=1).encode(), Format.JSON)
    assert told in str(caught.value)


def test_sums_that_64_bits_may_not_hold_are_refused() -> None:
    document = json.loads(json.dumps(GOOD))
    document["jobs"][0] |= {"weight": 1 << 30, "release": 1 << 30}
    with pytest.raises(InstanceError, match="coarser unit"):
        parse(json.dumps(document).encode(), Format.JSON)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    content=st.one_of(
        st.binary(max_size=80),
        st.text("0123 \n-.x", max_size=80).map(str.encode),
        st.text('{}[]":,machinesjob012 ', max_size=60).map(str.encode),
    ),
    kind=st.sampled_from(list(Format)),
)
def test_no_input_is_answered_with_anything_else(content: bytes, kind: Format) -> None:
    try:
        shop = parse(content, kind)
    except InstanceError:
        return
    else:
        assert shop.jobs


def test_a_file_that_is_not_there_or_of_no_format(tmp_path: Path) -> None:
    with pytest.raises(InstanceError, match="cannot be read"):
        read_instance(tmp_path / "nothing.txt", Format.JOBSHOP)
    with pytest.raises(InstanceError, match="cannot be read"):
        read_instance(tmp_path, Format.JOBSHOP)
    (tmp_path / "odd.txt").write_text("hello")
    with pytest.raises(InstanceError, match="as jobshop"):
        recognised(tmp_path / "odd.txt")


def test_the_format_is_recognised(tmp_path: Path) -> None:
    for content, kind in (
        (JOBSHOP, Format.JOBSHOP),
        (FJSP_FROM_ONE, Format.FJSP),
        (SDST, Format.FJSP_SDST),
    ):
        path = tmp_path / f"{kind}.txt"
        path.write_bytes(content)
        assert recognised(path) == parse(content, kind)


class TestTheJudge:
    """Each rule, broken once."""

    shop: Instance = msgspec.structs.replace(
        parse(
            b"2 2\n2 1 0 3 1 1 4\n1 2 1 2 0 5\n0 1 1 0 1 1 2 2 0\n0 1 1 0 1 6 2 2 0\n",
            Format.FJSP_SDST,
        )
    )
    good = (Piece(0, 0, 0, 0, 3), Piece(1, 0, 1, 0, 2), Piece(0, 1, 1, 4, 8))

    def test_accepts_what_is_right(self) -> None:
        good = (Piece(0, 0, 0, 0, 3), Piece(1, 0, 1, 0, 2), Piece(0, 1, 1, 4, 8))
        assert faults(self.shop, good) == []
        assert makespan(good) == value(self.shop, good) == 8

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (Piece(0, 1, 1, 3, 7), "too early after"),
            (Piece(0, 1, 0, 5, 9), "cannot do it"),
            (Piece(0, 1, 1, 4, 9), "takes 5 instead of 4"),
            (Piece(0, 1, 1, 2, 6), "starts before 0 ends"),
            (Piece(0, 2, 1, 4, 8), "not in the shop"),
            (Piece(0, 0, 0, 4, 7), "twice"),
            (None, "missing"),
        ],
    )
    def test_refuses_what_is_wrong(self, change: Piece | None, told: str) -> None:
        wrong = self.good[:2] if change is None else (*self.good[:2], change)
        assert any(told in fault for fault in faults(self.shop, wrong))

    def test_refuses_a_start_before_the_release(self) -> None:
        jobs = tuple(msgspec.structs.replace(job, release=1) for job in self.shop.jobs)
        shop = msgspec.structs.replace(self.shop, jobs=jobs)
        assert any("release" in fault for fault in faults(shop, self.good))
