"""The same shop in all the forms that files come in, and shops at the ends of what is possible."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from scheduler.instances.bounds import horizon_of, lower_bound
from scheduler.instances.evaluation import faults
from scheduler.instances.instance import Alternative, Instance, Piece
from scheduler.instances.json_places import place_of
from scheduler.instances.reading import Format, InstanceError, parse
from scheduler.instances.solving import Status, solve, warm_up

JOBSHOP = "2 3\n0 3 1 4 2 5\n2 1 0 2 1 6\n"
FJSP = "2 3\n2 2 1 3 2 4 1 3 5\n1 3 1 9 2 8 3 7\n"
SETUPS = "0 1 2\n3 0 4\n5 6 0\n" * 3
OR_LIBRARY = """ This is a set of job shops.
 Each of them has a line of description.

 +++++++++++++++++++++++++++++
 instance small

 +++++++++++++++++++++++++++++
 Somebody, Another, and Third 2x3 instance (Table 1, instance 5)
 2 3
 0 3  1 4  2 5
 2 1  0 2  1 6
 +++++++++++++++++++++++++++++
"""
TAILLARD = """Nb of jobs, Nb of Machines, Time seed, Machine seed, Upper bound, Lower bound
          2          3   840612802   398197754        12        11
Times
 3 4 5
 1 2 6
Machines
 1 2 3
 3 1 2
"""


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    warm_up()


def crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "change",
    [
        crlf,
        lambda text: text.replace("\n", "\r"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace(" ", "\t"),
        lambda text: text.replace("\n", " \t \n\n  \n"),
        lambda text: text.rstrip("\n"),
        lambda text: "# a comment with 7 numbers\n% another\n; a third\n" + text,
        lambda text: text.replace("\n", "  # ft06? no\n"),
        lambda text: text.replace("\n", " // no\n"),
        lambda text: text + "\x1a",
        lambda text: "a small shop\nof 2 jobs\n" + text,
        lambda text: "10x10 by somebody\n" + text,
        lambda text: text.replace(" 3 ", " 3.0 ").replace(" 5", " +5"),
        lambda text: text + "end of file\n",
    ],
)
@pytest.mark.parametrize(("text", "kind"), [(JOBSHOP, Format.JOBSHOP), (FJSP, Format.FJSP)])
def test_what_files_bring_along_means_nothing(
    text: str, kind: Format, change: Callable[[str], str]
) -> None:
    wanted = parse(text.encode(), kind)
    assert parse(change(text).encode(), kind) == wanted
    assert parse(change(text).encode("utf-16"), kind) == wanted


def test_comments_in_any_encoding() -> None:
    assert parse(b"# M\xfcller\n" + JOBSHOP.encode(), Format.JOBSHOP).machines == 3


@pytest.mark.parametrize(
    "text",
    [
        OR_LIBRARY,
        TAILLARD,
        "2 3\n3 4 5\n1 2 6\n1 2 3\n3 1 2\n",
        "2 3\n3 4 5\n1 2 6\n0 1 2\n2 0 1\n",
        "2 3\n0 3 1\n4 2 5 2\n1 0 2 1 6\n",
        "2 3 0 3 1 4 2 5 2 1 0 2 1 6",
        "2 3\n1 3 2 4 3 5\n3 1 1 2 2 6\n",
    ],
)
def test_forms_of_job_shops(text: str) -> None:
    assert parse(text.encode(), Format.JOBSHOP).jobs == parse(JOBSHOP.encode(), Format.JOBSHOP).jobs


@pytest.mark.parametrize(
    "text",
    [
        FJSP.replace("2 3\n", "2 3 1.67\n", 1),
        FJSP.replace("2 3\n", "2 3 1,67\n", 1),
        FJSP.replace("2 3\n", "2 3 2\n", 1),
        FJSP.replace("\n", " "),
        FJSP.replace("2 3\n", "2 3 1.67 ", 1).replace("\n", " "),
        FJSP.replace("2 3\n", "2 3 2 ", 1).replace("\n", " "),
        "2 3\n" + FJSP[4:].replace("\n", " "),
        "2 3 2\n" + FJSP[4:].replace(" ", "\n"),
        "2 3\n2 2 0 3 1 4 1 2 5\n1 3 0 9 1 8 2 7\n",
    ],
)
def test_forms_of_flexible_shops(text: str) -> None:
    assert parse(text.encode(), Format.FJSP).jobs == parse(FJSP.encode(), Format.FJSP).jobs


class TestMachineNumbers:
    def test_a_job_shop_counts_from_zero_unless_its_last_machine_says_otherwise(self) -> None:
        shop = parse(b"1 3\n1 4\n", Format.JOBSHOP)
        assert shop.jobs[0].operations[0].alternatives == (Alternative(1, 4),)
        assert shop.machines_from == 0
        shop = parse(b"1 3\n3 4\n", Format.JOBSHOP)
        assert shop.jobs[0].operations[0].alternatives == (Alternative(2, 4),)
        assert shop.machines_from == 1

    def test_a_flexible_one_counts_from_one_unless_there_is_a_machine_zero(self) -> None:
        shop = parse(b"1 3\n1 1 1 4\n", Format.FJSP)
        assert shop.jobs[0].operations[0].alternatives == (Alternative(0, 4),)
        shop = parse(b"1 3\n2 1 0 4 1 1 4\n", Format.FJSP)
        assert shop.jobs[0].operations[1].alternatives == (Alternative(1, 4),)

    def test_somebody_says(self) -> None:
        shop = parse(b"1 3\n1 1 1 4\n", Format.FJSP, machines_from=0)
        assert shop.jobs[0].operations[0].alternatives == (Alternative(1, 4),)
        shop = parse(b"1 3\n1 4\n", Format.JOBSHOP, machines_from=1)
        assert shop.jobs[0].operations[0].alternatives == (Alternative(0, 4),)
        for text in (b"1 3\n1 1 0 4\n", b"1 3\n1 1 3 4\n"):
            said = 1 if b" 0 " in text else 0
            with pytest.raises(InstanceError, match=f"line 2, position 5: .* from {said}"):
                parse(text, Format.FJSP, machines_from=said)

    def test_both_cannot_be(self) -> None:
        with pytest.raises(InstanceError, match=r"line 3, position 5: machine 3 .* line 2, "):
            parse(b"2 3\n1 1 0 4\n1 1 3 4\n", Format.FJSP)


class TestSetUps:
    def test_over_operations_for_each_machine(self) -> None:
        shop = parse((FJSP + SETUPS).encode(), Format.FJSP_SDST)
        assert shop.setups == (((0, 1, 2), (3, 0, 4), (5, 6, 0)),) * 3
        assert shop.initial == ()
        assert shop.families() == [[0, 1], [2]]

    def test_once_for_all_machines(self) -> None:
        shop = parse((FJSP + SETUPS[:18]).encode(), Format.FJSP_SDST)
        assert shop.setups == (((0, 1, 2), (3, 0, 4), (5, 6, 0)),) * 3

    def test_with_a_row_for_what_comes_first(self) -> None:
        shop = parse((FJSP + ("7 8 9\n" + SETUPS[:18]) * 3).encode(), Format.FJSP_SDST)
        assert shop.initial == ((7, 8, 9),) * 3
        assert shop.setups == (((0, 1, 2), (3, 0, 4), (5, 6, 0)),) * 3

    def test_over_jobs(self) -> None:
        shop = parse((FJSP + "0 1\n2 0\n" * 3).encode(), Format.FJSP_SDST)
        assert shop.setups == (((0, 1), (2, 0)),) * 3
        assert shop.families() == [[0, 0], [1]]

    def test_over_families(self) -> None:
        shop = parse((FJSP + "1 2 1\n" + "0 1\n2 0\n" * 3).encode(), Format.FJSP_SDST)
        assert shop.setups == (((0, 1), (2, 0)),) * 3
        assert shop.families() == [[0, 1], [0]]
        shop = parse((FJSP + "0 2\n" + "0 1 2\n2 0 3\n1 1 0\n" * 3).encode(), Format.FJSP_SDST)
        assert shop.families() == [[0, 0], [2]]

    def test_anywhere_in_lines(self) -> None:
        for text in (SETUPS.replace("\n", " "), SETUPS.replace(" ", "\n"), crlf(SETUPS)):
            shop = parse((FJSP + "\n" + text).encode(), Format.FJSP_SDST)
            assert shop.setups == (((0, 1, 2), (3, 0, 4), (5, 6, 0)),) * 3
        joined = (FJSP + SETUPS).replace("\n", " ")
        assert parse(joined.encode(), Format.FJSP_SDST).setups == shop.setups

    def test_what_cannot_follow_may_be_anything(self) -> None:
        shop = parse(b"2 2\n1 1 1 5\n1 1 2 6\n0 -1\n-1 0\n0 -1\n-1 1000000\n", Format.FJSP_SDST)
        assert shop.setups == (((0, 0), (0, 0)), ((0, 0), (0, 1_000_000)))
        with pytest.raises(InstanceError, match=r"line 3, position 1: a set-up is -1"):
            parse(b"1 1\n1 1 1 5\n-1\n", Format.FJSP_SDST)

    def test_what_cannot_follow_does_not_stretch_the_horizon(self) -> None:
        shop = parse(b"2 2\n1 1 1 5\n1 1 2 6\n0 9\n9 0\n0 9\n9 0\n", Format.FJSP_SDST)
        assert horizon_of(shop) == 11

    def test_none_at_all_are_told(self) -> None:
        with pytest.raises(InstanceError, match="say that the format is fjsp"):
            parse(FJSP.encode(), Format.FJSP_SDST)

    def test_a_machine_is_set_up_before_its_first_operation(self) -> None:
        shop = parse(b"1 1\n1 1 1 5\n3\n0\n", Format.FJSP_SDST)
        assert shop.initial == ((3,),)
        answer = solve(shop, limit_s=5.0)
        assert answer.schedule == (Piece(0, 0, 0, 3, 8),)
        assert answer.status is Status.OPTIMAL
        assert any("before it is set up" in each for each in faults(shop, (Piece(0, 0, 0, 2, 7),)))


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (OR_LIBRARY + "instance other\n2 2\n0 1 1 2\n1 1 0 2\n", 13, "keep one instance"),
        (JOBSHOP.replace("2 1 0", "2 one 0"), 3, "'one' where a duration"),
        (TAILLARD.replace(" 3 1 2\n", ""), 7, "2 jobs are 2 lines of times"),
        (JOBSHOP + "0 1 1 2 2 3\n", 4, "'0' is one too many"),
    ],
)
def test_mistakes_are_told_with_what_to_do(text: str, line: int, told: str) -> None:
    with pytest.raises(InstanceError) as caught:
        parse(text.encode(), Format.JOBSHOP, name="a.txt")
    assert str(caught.value).startswith(f"a.txt, line {line}, position ")
    assert told in str(caught.value)


def test_the_place_of_a_value_in_json() -> None:
    text = json.dumps({"a": [1, {"b}": "x,[", "c": [[2], [3, 4]]}], "d": {}}, indent=2)
    lines = text.split("\n")
    for path, word in (("$.a[1].c[1][1]", "4"), ("$.d", "{"), ("$.a[0]", "1"), ("$.a[1].b}", '"x')):
        found = place_of(text, path)
        assert found is not None
        assert lines[found[0] - 1][found[1] - 1 :].startswith(word)
    assert place_of(text, "$.d.nothing") == place_of(text, "$.d")
    assert place_of("", "$") is None


class TestExtremes:
    @pytest.mark.parametrize(
        ("text", "best"),
        [
            ("1 1\n0 0\n", 0),
            ("1 1\n0 7\n", 7),
            ("1 5\n0 1 1 2 2 0 3 4 4 5\n", 12),
            ("4 1\n0 3\n0 0\n0 2\n0 5\n", 10),
            ("3 2\n0 0 1 0\n1 0 0 0\n0 0 1 0\n", 0),
        ],
    )
    def test_small_ones_are_proven(self, text: str, best: int) -> None:
        shop = parse(text.encode(), Format.JOBSHOP)
        answer = solve(shop, limit_s=5.0)
        assert (answer.objective, answer.status) == (best, Status.OPTIMAL)
        assert not faults(shop, answer.schedule)

    def test_a_job_of_many_operations(self) -> None:
        steps = " ".join(f"{at % 5} {1 + at % 7}" for at in range(20_000))
        shop = parse(f"1 5\n{steps}\n".encode(), Format.JOBSHOP)
        assert lower_bound(shop) == sum(1 + at % 7 for at in range(20_000))

    def test_large_ones_in_little_time(self) -> None:
        rows = [
            " ".join(f"{(job + 7 * at) % 50} {1 + (job * at) % 99}" for at in range(50))
            for job in range(200)
        ]
        shop = parse(("200 50\n" + "\n".join(rows)).encode(), Format.JOBSHOP)
        answer = solve(shop, limit_s=0.1, exact=False)
        assert not faults(shop, answer.schedule)
        assert answer.objective >= lower_bound(shop)


def test_sizes_that_fit_no_form_are_told() -> None:
    shop: Instance | None = None
    with pytest.raises(InstanceError, match="27") as caught:
        shop = parse((FJSP + "1 2 3 4 5\n").encode(), Format.FJSP_SDST, name="b.fjs")
    assert shop is None
    assert str(caught.value).startswith("b.fjs, line 4, position 10: 5 set-ups behind the jobs")
