"""Master data judged as a whole, on an empty installation and over what is there."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from domain.master_data.components import cycles
from domain.master_data.faults import Faults
from domain.master_data.files import read_file
from domain.master_data.judging import judge
from domain.master_data.merging import MasterData, merge
from domain.master_data.reading import read_sections
from domain.master_data.records import Bill, Component

BASE = """\
sites:
- {code: p, name: P}
- {code: q, name: Q}
machines:
- {path: p/a/l/m1, name: M1, capabilities: [saw]}
- {path: p/a/l/m2, name: M2}
- {path: q/a/l/m1, name: M1}
items:
- {code: A, name: A, family: f, kind: both}
- {code: B, name: B, kind: bought}
- {code: C, name: C}
"""


def judged(
    text: str, existing: MasterData | None = None, **options: bool
) -> tuple[MasterData, list[str]]:
    faults = Faults()
    document = read_sections(read_file("a.yaml", text.encode(), faults), faults)
    wanted = merge(existing or MasterData(), document, faults, **options)
    judge(wanted, faults)
    return wanted.records, [f"{one.place.line}: {one.problem}" for one in faults.sorted()]


def base() -> MasterData:
    records, faults = judged(BASE)
    assert faults == []
    return records


def faults_of(text: str, **options: bool) -> list[str]:
    return judged(text, base(), **options)[1]


class TestBills:
    def test_a_circle_is_named_with_its_path(self) -> None:
        [fault] = faults_of(
            "bills:\n"
            "- item: A\n  version: 1\n  lines:\n  - {component: C, quantity: 1}\n"
            "- item: C\n  version: 1\n  lines:\n  - {component: B, quantity: 1}\n"
            "  - {component: A, quantity: 1}\n"
        )
        assert fault == ("5: goes into itself: A → C → A; take one of them out of the other's bill")

    def test_an_item_does_not_go_into_itself(self) -> None:
        [fault] = faults_of(
            "bills:\n- item: A\n  version: 1\n  lines: [{component: A, quantity: 1}]\n"
        )
        assert "A → A" in fault

    def test_bills_that_never_hold_together_make_no_circle(self) -> None:
        assert (
            faults_of(
                "bills:\n"
                "- {item: A, version: 1, valid_to: 2026-06-30,"
                " lines: [{component: C, quantity: 1}]}\n"
                "- {item: C, version: 1, valid_from: 2026-07-01,"
                " lines: [{component: A, quantity: 1}]}\n"
            )
            == []
        )
        assert (
            faults_of(
                "bills:\n"
                "- {item: A, site: p, version: 1, lines: [{component: C, quantity: 1}]}\n"
                "- {item: C, site: q, version: 1, lines: [{component: A, quantity: 1}]}\n"
            )
            == []
        )

    def test_a_long_chain_is_no_circle_and_takes_no_time(self) -> None:
        def chain() -> Iterable[Bill]:
            for number in range(5_000):
                for_next = tuple(
                    Component(component=str(number + step), quantity=Decimal(1))
                    for step in (1, 2, 3)
                )
                yield Bill(item=str(number), version="1", lines=for_next)

        assert list(cycles(chain())) == []

    def test_versions_do_not_overlap(self) -> None:
        text = (
            "bills:\n"
            "- {item: A, version: 1, valid_to: 2026-06-30, lines: [{component: B, quantity: 1}]}\n"
            "- {item: A, version: 2, valid_from: 2026-06-30,"
            " lines: [{component: B, quantity: 1}]}\n"
        )
        [fault] = faults_of(text)
        assert fault == (
            "3: holds on days on which bill of material A / 1 holds too (ever to 2026-06-30);"
            " end one the day before the other begins"
        )
        assert faults_of(text.replace("valid_from: 2026-06-30", "valid_from: 2026-07-01")) == []
        assert faults_of(text.replace("version: 2", "version: 2, site: p")) == []

    def test_quantities_and_the_order_of_days(self) -> None:
        assert faults_of(
            "bills:\n- item: A\n  version: 1\n  valid_from: 2026-02-01\n  valid_to: 2026-01-01\n"
            "  lines:\n  - {component: B, quantity: 0}\n  - {component: B, quantity: 1}\n"
        ) == [
            "5: is before valid_from (2026-02-01)",
            "7: quantity must be more than 0",
        ]
        assert faults_of(
            "bills:\n- item: A\n  version: 1\n"
            "  lines:\n  - {component: B, quantity: 2}\n  - {component: B, quantity: 1}\n"
        ) == ["6: stands here a second time, first in line 5"]


class TestRoutings:
    def test_a_step_needs_a_machine_of_the_site_or_a_capability(self) -> None:
        assert faults_of(
            "routings:\n"
            "- item: A\n  site: p\n  version: 1\n  steps:\n"
            "  - {number: 10, name: x, cycle_ms: 1}\n"
            "  - {number: 20, name: x, cycle_ms: 1, machine: q/a/l/m1}\n"
            "  - {number: 30, name: x, cycle_ms: 1, machine: p/a/l/m9}\n"
            "  - {number: 40, name: x, cycle_ms: 1, capability: saw}\n"
            "  - {number: 50, name: x, cycle_ms: 1, capability: press}\n"
            "  - {number: 60, name: x, cycle_ms: 1, machine: p/a/l/m1, capability: saw}\n"
            "  - {number: 70, name: x, cycle_ms: 0, machine: p/a/l/m1}\n"
        ) == [
            "12: cycle_ms must be milliseconds from 1 to 315360000000",
        ]
        assert faults_of(
            "routings:\n"
            "- item: A\n  site: p\n  version: 1\n  steps:\n"
            "  - {number: 10, name: x, cycle_ms: 1}\n"
            "  - {number: 20, name: x, cycle_ms: 1, machine: q/a/l/m1}\n"
            "  - {number: 30, name: x, cycle_ms: 1, machine: p/a/l/m9}\n"
            "  - {number: 40, name: x, cycle_ms: 1, capability: saw}\n"
            "  - {number: 50, name: x, cycle_ms: 1, capability: press}\n"
            "  - {number: 60, name: x, cycle_ms: 1, machine: p/a/l/m1, capability: saw}\n"
        ) == [
            "6: step 10 must name a machine or a capability",
            "7: does not stand at the site 'p'",
            "8: there is no machine 'p/a/l/m9', maybe 'p/a/l/m2'",
            "10: no machine at 'p' has this capability; give it to one",
            "11: step 60 names both a machine and a capability; name one",
        ]

    def test_places_follow_the_steps_when_they_are_put_in_order(self) -> None:
        assert faults_of(
            "routings:\n"
            "- item: A\n  site: p\n  version: 1\n  steps:\n"
            "  - number: 20\n    name: x\n    cycle_ms: 1\n    machine: p/a/l/m1\n"
            "    alternatives:\n"
            "    - {machine: q/a/l/m1, cycle_ms: 1}\n"
            "    - {machine: p/a/l/m1, cycle_ms: 1}\n"
            "  - {number: 10, name: x, cycle_ms: 1, machine: p/a/l/m7}\n"
        ) == [
            "11: does not stand at the site 'p'",
            "12: is the step's own machine, not another one",
            "13: there is no machine 'p/a/l/m7', maybe 'p/a/l/m2'",
        ]

    def test_the_last_machine_with_a_capability_keeps_it(self) -> None:
        records, faults = judged(
            "routings:\n- item: A\n  site: p\n  version: 1\n  steps:\n"
            "  - {number: 10, name: x, cycle_ms: 1, capability: saw}\n",
            base(),
        )
        assert faults == []
        assert judged("machines:\n- {path: p/a/l/m1, capabilities: []}\n", records)[1] == [
            "2: was the last machine at 'p' with 'saw', which routing A / p / 1 needs"
        ]
        _, faults = judged(
            "machines:\n- {path: p/a/l/m1, capabilities: []}\n"
            "- {path: p/a/l/m2, capabilities: [saw]}\n",
            records,
        )
        assert faults == []


class TestTheRest:
    def test_calendars(self) -> None:
        assert faults_of(
            "calendars:\n"
            "- site: p\n  shifts:\n"
            "  - {shift: a, weekdays: [mon, sun], start: '06:00', end: '14:00'}\n"
            "  - {shift: b, weekdays: [sun], start: '22:00', end: '06:30'}\n"
            "  - {shift: c, weekdays: [wed], start: '10:00', end: '10:00'}\n"
            "- {site: p, machine: q/a/l/m1, shifts: []}\n"
        ) == [
            "6: is when the shift starts; a whole day is 00:00 to 24:00",
            "7: does not stand at the site 'p'",
            "7: has no shifts; without a calendar a site works always",
        ]
        assert faults_of(
            "calendars:\n"
            "- site: p\n  shifts:\n"
            "  - {shift: a, weekdays: [mon, sun], start: '06:00', end: '14:00'}\n"
            "  - {shift: b, weekdays: [sun], start: '22:00', end: '06:30'}\n"
        ) == ["5: overlaps 'a' (06:00 to 14:00) on mon; end the one before the other"]

    def test_prices_hold_one_at_a_time(self) -> None:
        text = (
            "price_rules:\n"
            "- {item: A, currency: EUR, price: 5, valid_to: 2026-06-30}\n"
            "- {item: A, currency: EUR, price: 6, valid_from: 2026-06-01}\n"
            "- {item: A, currency: EUR, price: 4, from_quantity: 10}\n"
            "- {item: A, currency: USD, price: 4}\n"
            "- {family: g, currency: USD, price: 4}\n"
            "- {currency: USD, price: 4}\n"
        )
        found = faults_of(text)
        assert found[0].startswith("3: holds on days on which price rule A / EUR / 0 holds too")
        assert found[1:] == [
            "6: no item is of this family",
            "7: must name either an item or a family",
        ]

    def test_what_an_item_is_and_how_a_site_has_it(self) -> None:
        assert faults_of(
            "item_sites:\n"
            "- {item: B, site: p, source: make}\n"
            "- {item: A, site: p, source: buy, min_stock: 5, max_stock: 3}\n"
            "- {item: A, site: q, source: buy, supplier: nobody}\n"
        ) == [
            "2: does not fit the item, which is bought; make its kind 'both', or say 'buy'",
            "3: is more than max_stock (3)",
            "4: there is no supplier 'nobody'; add it to suppliers",
        ]

    def test_a_unit_that_an_item_has_already_is_taken(self) -> None:
        records, faults = judged("items:\n- {code: Z, name: Z, unit: furlong}\n")
        assert faults[0].startswith("2: unit is none we know")
        assert judged("items:\n- {code: Z, name: Other}\n", records)[1] == []

    def test_two_items_do_not_share_a_gtin(self) -> None:
        assert faults_of(
            "items:\n- {code: A, gtin: '4006381333931'}\n- {code: B, gtin: '4006381333931'}\n"
        ) == ["3: item A has the same GTIN"]
