"""Scrap, turns, accuracy of dates, load, service level and definitions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_cases import DAY, HOUR, T0, borders, pieces, spans

from domain.reports.definitions import DEFINITIONS
from domain.reports.forecasts import Promise, accuracy
from domain.reports.load import MachineLoad, bottlenecks, machine_load, under
from domain.reports.periods import Span
from domain.reports.ratios import Absent, parts_of_one, product, ratio
from domain.reports.scrap import Scrapped, scrap_cost, scrap_shares
from domain.reports.service_level import Answers, service_level
from domain.reports.turns import YEAR_MS, Movement, stock, valued
from domain.reports.words import WHY_ABSENT

scrapped = st.lists(
    st.builds(
        Scrapped,
        item=st.sampled_from("ABC"),
        machine=st.just("p/a/l/m"),
        good=pieces(),
        scrap=pieces(100),
        unit_cost=st.none() | st.decimals(0, 50, places=2),
        currency=st.sampled_from(["CNY", "EUR"]),
    ),
    max_size=6,
)
promises = st.lists(
    st.builds(
        Promise,
        st.integers(T0, T0 + DAY),
        st.integers(T0, T0 + 9 * DAY),
        st.integers(T0, T0 + 9 * DAY),
    ),
    max_size=8,
)
answers = st.builds(
    Answers,
    within=st.dictionaries(st.sampled_from([100, 1_000, 5_000, 10_000]), st.integers(0, 99)),
    beyond=st.integers(0, 9),
    failed=st.integers(0, 9),
)


class TestRatios:
    def test_nothing_is_divided_by_zero(self) -> None:
        nothing = ratio(3, 0, Absent.NOTHING_DUE)
        assert (nothing.value, nothing.exact, nothing.absent) == (None, None, Absent.NOTHING_DUE)
        assert product(ratio(1, 2, Absent.NO_COST), nothing).absent is Absent.NOTHING_DUE
        assert parts_of_one({"a": 0, "b": 0}) == {"a": 0, "b": 0}

    def test_a_whole_below_zero_is_refused(self) -> None:
        with pytest.raises(ValueError, match="below 0"):
            ratio(1, -1, Absent.NOTHING_DUE)


class TestScrap:
    def test_cost_by_currency_and_what_has_none(self) -> None:
        def made(scrap: int, cost: str | None, currency: str = "CNY") -> Scrapped:
            return Scrapped(
                item="A",
                machine="p/a/l/m",
                good=Decimal(90),
                scrap=Decimal(scrap),
                unit_cost=None if cost is None else Decimal(cost),
                currency=currency,
            )

        found = scrap_cost([made(10, "2.5"), made(4, "1", "EUR"), made(6, None)])
        assert found.costs == {"CNY": Decimal(25), "EUR": Decimal(4)}
        assert found.uncosted == 6
        assert found.scrap_ratio.exact == Fraction(20, 290)

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(scrapped, scrapped)
    def test_sums_and_shares(self, one: list[Scrapped], other: list[Scrapped]) -> None:
        both = scrap_cost([*one, *other])
        assert scrap_cost(one) + scrap_cost(other) == both
        assert both.scrap_ratio.absent is not None or 0 <= (both.scrap_ratio.exact or 0) <= 1
        assert sum(scrap_shares([*one, *other]).values()) == (1 if both.scrap else 0)


class TestTurns:
    def test_the_average_goes_by_time(self) -> None:
        month = Span(T0, T0 + 30 * DAY)
        found = stock(Decimal(300), [Movement(T0 + 20 * DAY, Decimal(-300), used=True)], month)
        assert found.average.exact == 200
        assert found.turns.exact == Fraction(300, 200) * Fraction(365, 30)
        assert found.days.exact == 20

    def test_what_is_not_used_does_not_turn(self) -> None:
        found = stock(Decimal(10), [Movement(T0, Decimal(-1))], Span(T0, T0 + DAY))
        assert found.turns.exact == 0
        assert found.days.absent is Absent.NOTHING_ENDED
        assert stock(Decimal(0), [], Span(T0, T0 + DAY)).turns.absent is Absent.NO_STOCK

    def test_items_without_a_cost_are_told(self) -> None:
        one = stock(Decimal(10), [], Span(T0, T0 + DAY))
        money, missing = valued([(one, Decimal(3)), (one, None)])
        assert money.average.exact == 30
        assert missing == 1

    def test_a_movement_outside_of_the_period_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not within"):
            stock(Decimal(1), [Movement(T0 + DAY, Decimal(1))], Span(T0, T0 + DAY))

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(
        pieces(500),
        st.lists(
            st.builds(
                Movement,
                st.integers(T0 - HOUR, T0 + 22 * HOUR),
                st.decimals(-100, 100, places=2),
                st.booleans(),
            ),
            max_size=8,
        ),
        borders(),
    )
    def test_periods_that_follow_each_other_add_up(
        self, opening: Decimal, moves: list[Movement], cuts: list[int]
    ) -> None:
        def over(begins: int, ends: int) -> object:
            before = sum((each.change for each in moves if cuts[0] <= each.at_ms < begins), opening)
            within = [each for each in moves if begins <= each.at_ms < ends]
            return stock(before, within, Span(begins, ends))

        spans_ = list(pairwise(cuts))
        whole = over(cuts[0], cuts[-1])
        parts = over(*spans_[0])
        for each in spans_[1:]:
            parts += over(*each)  # type: ignore[operator] # a Stock
        assert parts == whole


class TestForecasts:
    def test_by_hand(self) -> None:
        found = accuracy(
            [
                Promise(T0, T0 + 10 * DAY, T0 + 8 * DAY),
                Promise(T0, T0 + DAY, T0 + 2 * DAY),
                Promise(T0 + 5 * DAY, T0 + 6 * DAY, T0 + 4 * DAY),
            ]
        )
        assert (found.count, found.left_out, found.late) == (2, 1, 1)
        assert found.mape.exact == Fraction(3, 8)  # a quarter and a half
        assert found.wape.exact == Fraction(3, 10)
        assert found.bias.exact == Fraction(1, 10)
        assert found.mae_ms.exact == Fraction(3, 2) * DAY
        assert accuracy([]).wape.absent is Absent.NOTHING_ENDED

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(promises, promises)
    def test_sums_add_up_and_bias_is_within_the_error(
        self, one: list[Promise], other: list[Promise]
    ) -> None:
        both = accuracy([*one, *other])
        assert accuracy(one) + accuracy(other) == both
        if both.count:
            bias, wape = both.bias.exact, both.wape.exact
            assert bias is not None
            assert wape is not None
            assert -wape <= bias <= wape
            assert (both.mape.exact or 0) >= 0


class TestLoad:
    def test_bottlenecks_first_what_has_no_time_at_all(self) -> None:
        def of(place: str, needed: int, working: int) -> MachineLoad:
            return MachineLoad(place=place, needed_ms=needed, used_ms=0, working_ms=working)

        some = [of("a", 5, 10), of("b", 12, 10), of("c", 1, 0), of("d", 0, 10)]
        assert [each.place for each in bottlenecks(some)] == ["c", "b", "a"]
        assert some[2].load.absent is Absent.NO_CAPACITY
        assert under([of("s/a/l/1", 1, 2), of("s/a/l/2", 2, 2), of("s/a/k/1", 5, 6)], 3) == [
            of("s/a/k", 5, 6),
            of("s/a/l", 3, 4),
        ]

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(spans(), spans(), spans(), borders())
    def test_periods_add_up(
        self, needed: list[Span], used: list[Span], working: list[Span], cuts: list[int]
    ) -> None:
        def over(begins: int, ends: int) -> MachineLoad:
            return machine_load("p", needed, used, working, Span(begins, ends))

        (found,) = under([over(begins, ends) for begins, ends in pairwise(cuts)], 1)
        assert found == over(cuts[0], cuts[-1])


class TestServiceLevel:
    def test_between_two_borders_both_ends_are_told(self) -> None:
        found = service_level(Answers(within={1_000: 90, 10_000: 6}, beyond=3, failed=1))
        assert (found.at_least.value, found.at_most.value) == (0.9, 0.96)

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(answers, answers, st.sampled_from([100, 3_000, 5_000, 60_000]))
    def test_in_range_and_additive(self, one: Answers, other: Answers, target: int) -> None:
        both = one + other
        assert both.count == one.count + other.count
        found = service_level(both, target)
        if both.count:
            assert 0 <= (found.at_least.exact or 0) <= (found.at_most.exact or 0) <= 1
        else:
            assert found.at_least.absent is Absent.NOTHING_ASKED
        if target in both.within:
            assert found.at_least == found.at_most


class TestDefinitions:
    def test_every_figure_is_said_in_both_languages(self) -> None:
        for code, each in DEFINITIONS.items():
            assert code == each.code
            for words in (each.name, each.formula, each.note):
                assert words.en
                assert any("\u4e00" <= sign <= "\u9fff" for sign in words.zh), code
                assert not any("\u4e00" <= sign <= "\u9fff" for sign in words.en), code

    def test_every_reason_for_no_number_has_words(self) -> None:
        assert set(WHY_ABSENT) == set(Absent)

    def test_a_year_has_365_days(self) -> None:
        assert YEAR_MS == 365 * DAY
