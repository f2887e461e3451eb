"""People and tools as resources that are counted: nobody does two things at once."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.plan.crews import Crews, Member, Wanted, crews
from domain.plan.problem import Interval, Need, Phase, ResourceKind, Shortfall

HOUR = 3_600_000


def person(*skills: str, quantity: int = 1, away: tuple[tuple[int, int], ...] = ()) -> Member:
    return Member(
        kind=ResourceKind.OPERATOR,
        skills=frozenset(skills),
        quantity=quantity,
        unavailable=tuple(Interval(start, end) for start, end in away),
    )


def told(found: Crews) -> dict[str | None, tuple[int, int]]:
    """Each resource's capacity and how many skills it is counted for."""
    return {
        each.skill: (each.capacity, sum(each.id in ids for ids in found.of_skill.values()))
        for each in found.resources
    }


class TestCounting:
    def test_people_of_one_skill_each_are_counted_by_skill(self) -> None:
        found = crews([person("weld"), person("weld"), person("fit")], {"weld", "fit", "paint"})

        assert told(found) == {"fit": (1, 1), "weld": (2, 1)}

    def test_who_has_two_skills_is_counted_with_both_together(self) -> None:
        found = crews([person("weld"), person("fit"), person("weld", "fit")], {"weld", "fit"})

        assert told(found) == {"fit": (2, 1), "weld": (2, 1), "fit / weld": (3, 2)}

    def test_a_set_whose_people_are_a_wider_set_s_is_counted_there(self) -> None:
        found = crews([person("weld", "fit")], {"weld", "fit"})

        assert told(found) == {"fit / weld": (1, 2)}

    def test_skills_that_nobody_wants_are_of_no_interest(self) -> None:
        assert crews([person("weld", "fit")], {"weld"}).resources[0].skill == "weld"

    def test_tools_are_held_and_people_leave_at_breaks(self) -> None:
        tool = Member(kind=ResourceKind.TOOL, skills=frozenset({"die"}), quantity=2)

        found = crews([tool, person("weld")], {"die", "weld"}, first_id=7)

        assert {each.skill: (each.id, each.kind) for each in found.resources} == {
            "die": (7, ResourceKind.TOOL),
            "weld": (8, ResourceKind.OPERATOR),
        }

    def test_while_some_are_away_there_are_fewer_and_while_all_are_there_is_nothing(self) -> None:
        found = crews(
            [person("weld", away=((0, 2 * HOUR),)), person("weld", away=((HOUR, 3 * HOUR),))],
            {"weld"},
        )

        [welders] = found.resources
        assert welders.unavailable == (Interval(HOUR, 2 * HOUR),)
        assert welders.short == (
            Shortfall(start_ms=0, end_ms=HOUR, units=1),
            Shortfall(start_ms=2 * HOUR, end_ms=3 * HOUR, units=1),
        )


class TestNeeds:
    @pytest.fixture
    def shop(self) -> Crews:
        return crews([person("weld"), person("weld", "set")], {"weld", "set"})

    def test_a_need_is_counted_wherever_the_skill_is(self, shop: Crews) -> None:
        ids = {each.skill: each.id for each in shop.resources}

        assert shop.needs([Wanted("set")]) == (Need(ids["set"]), Need(ids["set / weld"]))

    def test_set_up_and_run_are_needs_of_their_own(self, shop: Crews) -> None:
        ids = {each.skill: each.id for each in shop.resources}

        needs = shop.needs([Wanted("weld", 1, Phase.RUN), Wanted("set", 1, Phase.SETUP)])

        assert needs is not None
        assert set(needs) == {
            Need(ids["set"], 1, Phase.SETUP),
            Need(ids["set / weld"], 1, Phase.BOTH),
        }

    @pytest.mark.parametrize(
        "wanted",
        [[Wanted("paint")], [Wanted("weld", 3)], [Wanted("weld", 2), Wanted("set")]],
        ids=["nobody can", "too many", "one would do two things"],
    )
    def test_what_there_never_is_is_none(self, shop: Crews, wanted: list[Wanted]) -> None:
        assert shop.needs(wanted) is None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    people=st.lists(st.sets(st.sampled_from("abcd"), min_size=1, max_size=3), max_size=5),
    wanted=st.lists(st.sampled_from("abcd"), min_size=1, max_size=5),
)
def test_counting_says_what_giving_people_out_would(
    people: list[set[str]], wanted: list[str]
) -> None:
    found = crews([person(*skills) for skills in people], set(wanted))

    possible = any(
        len(set(given_to)) == len(given_to)
        and all(skill in people[who] for skill, who in zip(wanted, given_to, strict=True))
        for given_to in product(range(len(people)), repeat=len(wanted))
    )

    assert (found.needs([Wanted(skill) for skill in wanted]) is not None) is possible
