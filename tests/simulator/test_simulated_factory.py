"""The factory's data, its calendars, scenarios, customers and warehouse: pure."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from fake_installation import BEGIN, FakeInstallation, as_calendar, moment

from contracts.ids import EpochMs, MachinePath
from contracts.topics import parse_topic
from simulator import factory, master_data, orders
from simulator.calendars import calendar_body, promise_ms, shift_at, up_to_date
from simulator.customers import Cancel, Change, Customers, OpenOrder, Place
from simulator.memory import NEW_AFTER_MS, Memory
from simulator.pace import Pace
from simulator.people import People
from simulator.plant import Broken
from simulator.scenario import (
    BUILT_IN,
    OrderCancelled,
    OrderChanged,
    RushOrder,
    ScenarioError,
    decode,
    find_scenario,
)
from simulator.states import Absence
from simulator.warehouse import Delivery, ProducedLine, ProducedOrder, Warehouse
from simulator.working_time import Calendar, DatedException, WorkingSpan, off_at, off_times

PRESS = MachinePath("gemba-demo/pressing/line-1/press-01")
MINUTE = 60_000
HOUR = 60 * MINUTE


class TestFactory:
    def test_its_shape(self) -> None:
        paths = [machine.path for machine in factory.MACHINES]
        assert len(set(paths)) == 14
        assert len({path.rsplit("/", 1)[-1] for path in paths}) == 14
        assert len({path.rsplit("/", 1)[0] for path in paths}) == 5
        assert {path.split("/")[0] for path in paths} == {site.code for site in factory.SITES}
        assert len({site.time_zone for site in factory.SITES}) == 2
        assert {item.family for item in factory.ITEMS} == {"kettle", "oven", "fan"}
        assert {way.machine for item in factory.ITEMS for s in item.steps for way in s.ways} == {
            *paths
        }

    def test_steps_stay_on_their_site_and_most_have_an_alternative(self) -> None:
        steps = [(item, step) for item in factory.ITEMS for step in item.steps]
        for item, step in steps:
            assert {way.machine.split("/")[0] for way in step.ways} == {item.site}
        assert sum(len(step.ways) > 1 for _, step in steps) >= len(steps) / 2

    def test_every_change_between_families_has_its_set_up(self) -> None:
        families = {item.family for item in factory.ITEMS}
        changes = {(a, b) for a in families for b in families if a != b}
        for machine in factory.MACHINES:
            assert set(factory.setups(machine.path)) == changes
        assert factory.setups(PRESS)["kettle", "oven"] == 126_000

    def test_warehouse_devices_are_where_goods_may_be_moved(self) -> None:
        for site in factory.SITES:
            for device in (factory.store_device(site.code), factory.shipping_device(site.code)):
                assert parse_topic(f"gemba/v1/{device}/move").site == site.code


class TestPace:
    def test_a_minute_takes_a_second_at_sixty_and_nothing_takes_no_time(self) -> None:
        assert Pace(60).minutes(1) == 1_000
        assert Pace(60).ms(2_800) == 47
        assert Pace(1_000).ms(1) == 1
        assert Pace(7).minutes(0) == 0
        assert Pace(1).minutes(0.5) == 30_000

    def test_the_plans_cost_counts_the_factorys_minutes_at_any_speed(self) -> None:
        scenario = find_scenario("calm")
        life, fast = (master_data.policy_body(scenario, Pace(speed)) for speed in (1, 60))
        assert (life["tardiness"], life["move"], life["setup"]) == (20, 1, 1)
        assert (fast["tardiness"], fast["move"], fast["setup"]) == (1_200, 60, 60)
        assert life["down_threshold_ms"] == 60 * fast["down_threshold_ms"]
        assert "reassignment" not in fast


WARSAW, SUZHOU = factory.SITES


class TestCalendars:
    def at(self, text: str) -> EpochMs:
        return EpochMs(int(datetime.fromisoformat(text).timestamp() * 1_000))

    def life(self, site: factory.Site) -> Calendar:
        return as_calendar(site, calendar_body(site, Pace(1), BEGIN, Calendar()))

    def test_at_the_first_plant_somebody_is_there_at_any_hour(self) -> None:
        calendar = self.life(WARSAW)
        machines = factory.machines_of(WARSAW.code)
        begin = self.at("2026-11-22T00:00:00+01:00")
        off = {one.path: off_times(calendar, one.path, begin) for one in machines}
        for quarter in range(4 * 24):
            now = begin + quarter * 15 * MINUTE
            working = [one for one in machines if off_at(off[one.path], now) is None]
            assert len(working) >= len(machines) - 1

    def test_breaks_and_shifts_are_told_in_local_time(self) -> None:
        off = off_times(self.life(SUZHOU), factory.machines_of(SUZHOU.code)[0].path, BEGIN)
        local = {
            (moment(one.start_ms + 8 * HOUR).strftime("%H:%M"), one.reason)
            for one in off
            if abs(one.start_ms - BEGIN) < 24 * HOUR
        }
        assert local == {("08:10", "break"), ("16:10", "break"), ("22:00", "shift over")}

    @pytest.mark.parametrize("speed", [1, 10, 60, 400])
    def test_what_was_written_is_up_to_date_and_written_anew_before_it_runs_out(
        self, speed: float
    ) -> None:
        pace = Pace(speed)
        for site in factory.SITES:
            assert up_to_date(site, pace, BEGIN, Calendar()) is (speed > 60)
            calendar = as_calendar(site, calendar_body(site, pace, BEGIN, Calendar()))
            assert up_to_date(site, pace, BEGIN, calendar)
            assert up_to_date(site, pace, BEGIN + pace.minutes(20 * 60), calendar)
            later = EpochMs(BEGIN + pace.minutes(45 * 60))
            assert up_to_date(site, pace, later, calendar) is (speed in (1, 400))
            rolled = as_calendar(site, calendar_body(site, pace, later, calendar))
            assert up_to_date(site, pace, later, rolled)
            assert len(rolled.exceptions) <= 150

    def test_peoples_own_exceptions_stay(self) -> None:
        own = DatedException(
            starts_at=moment(BEGIN), ends_at=moment(BEGIN + HOUR), working=False, reason="repair"
        )
        over = msgspec.structs.replace(own, ends_at=moment(BEGIN - 1))
        for speed in (1, 60):
            body = calendar_body(WARSAW, Pace(speed), BEGIN, Calendar(exceptions=[own, over]))
            kept = [one for one in body["exceptions"] if one["reason"] == "repair"]
            assert len(kept) == 1

    def test_a_fast_factory_has_its_breaks_in_its_own_time(self) -> None:
        pace = Pace(60)
        calendar = as_calendar(WARSAW, calendar_body(WARSAW, pace, BEGIN, Calendar()))
        off = off_times(calendar, PRESS, BEGIN)
        assert {one.end_ms - one.start_ms for one in off} == {20_000}
        starts = [one.start_ms for one in off]
        assert {b - a for a, b in pairwise(starts)} == {8 * 60 * 1_000}

    def test_summer_time_begins_and_the_night_is_an_hour_shorter(self) -> None:
        calendar = Calendar(
            time_zone="Europe/Warsaw",
            working_times=[WorkingSpan(weekday=6, start="06:00", end="14:00")],
        )
        now = self.at("2027-03-28T12:00:00+02:00")
        off = off_times(calendar, PRESS, now)
        before = off_at(off, self.at("2027-03-28T05:59:59+02:00"))
        assert before is not None
        assert before.end_ms == self.at("2027-03-28T06:00:00+02:00")
        assert off_at(off, now) is None

    def test_an_exception_prevails_and_an_extra_shift_is_worked(self) -> None:
        begin = self.at("2026-11-22T00:00:00+00:00")
        calendar = Calendar(
            working_times=[WorkingSpan(weekday=6, start="06:00", end="14:00")],
            exceptions=[
                DatedException(
                    starts_at=moment(begin + 8 * HOUR),
                    ends_at=moment(begin + 9 * HOUR),
                    working=False,
                    reason="maintenance",
                ),
                DatedException(
                    starts_at=moment(begin + 14 * HOUR),
                    ends_at=moment(begin + 16 * HOUR),
                    working=True,
                    reason="extra shift",
                    machine=PRESS,
                ),
            ],
        )
        off = off_times(calendar, PRESS, begin)
        reasons = [off_at(off, begin + hour * HOUR // 2) for hour in (10, 14, 17, 30, 34)]
        assert [one.reason if one else None for one in reasons] == [
            "shift over",
            None,
            "maintenance",
            None,
            "shift over",
        ]

    def test_dates_are_promised_in_working_hours(self) -> None:
        def promised(site: factory.Site, text: str, minutes: float) -> str:
            at = promise_ms(site, Pace(1), self.at(text), minutes)
            zone = ZoneInfo(site.time_zone)
            return datetime.fromtimestamp(at / 1_000, zone).strftime("%d %H:%M")

        noon, evening, night = (
            f"2026-11-22T{time}:00+08:00" for time in ("12:00", "21:00", "23:00")
        )
        assert promised(SUZHOU, noon, 90) == "22 13:30"
        assert promised(SUZHOU, evening, 60) == "22 22:00"
        assert promised(SUZHOU, evening, 90) == "23 06:30"
        assert promised(SUZHOU, night, 30) == "23 06:30"
        assert promised(SUZHOU, evening, 60 + 16 * 60 + 10) == "24 06:10"
        assert promised(WARSAW, "2026-11-22T21:00:00+01:00", 90) == "22 22:30"

    @pytest.mark.parametrize("speed", [10, 60, 400])
    def test_also_in_a_fast_factory(self, speed: float) -> None:
        pace = Pace(speed)
        day_ms = pace.minutes(24 * 60)
        calendar = as_calendar(SUZHOU, calendar_body(SUZHOU, pace, BEGIN, Calendar()))
        nights = [one for one in calendar.exceptions if one.machine is None]
        for quarter in range(96):
            now = BEGIN + quarter * day_ms // 96
            due = promise_ms(SUZHOU, pace, now, 300)
            assert not any(
                one.starts_at.timestamp() * 1_000 < due - 1 < one.ends_at.timestamp() * 1_000 - 2
                for one in nights
            )
            slept = due - now - pace.minutes(300)
            assert slept >= 0
            assert slept <= pace.minutes(8 * 60) + 2
        assert bool(nights) is (speed <= 60)

    def test_shifts_change_at_their_hours(self) -> None:
        times = ("05:59", "06:00", "13:59", "14:00", "21:59", "22:00", "23:59")
        shifts = [
            shift_at(WARSAW, Pace(1), self.at(f"2026-11-22T{time}:00+01:00")).split("/")[1]
            for time in times
        ]
        assert shifts == ["night", "early", "early", "late", "late", "night", "night"]
        evening, morning = (
            shift_at(WARSAW, Pace(1), self.at(text))
            for text in ("2026-11-22T23:00:00+01:00", "2026-11-23T05:00:00+01:00")
        )
        assert evening == morning

    def test_people_are_away_in_breaks_and_late_after_some(self) -> None:
        scenario = msgspec.structs.replace(find_scenario("calm"))
        people = People(WARSAW.code, seed=1, habits=scenario.habits)
        people.go_by(self.life(WARSAW))
        begin = self.at("2026-11-22T00:00:00+01:00")
        seen: list[Absence] = []
        for minute in range(24 * 60):
            absence = people.absence(PRESS, EpochMs(begin + minute * MINUTE))
            seen += [absence] if absence is not None else []
        assert [one.reason for one in seen].count("break") == 3 * factory.BREAK_MINUTES


class TestScenarioFiles:
    @pytest.mark.parametrize("name", BUILT_IN)
    def test_those_that_come_along_are_sound(self, name: str) -> None:
        scenario = find_scenario(name)
        assert scenario.name == name
        first = orders.first_orders(scenario, scenario.seed)
        assert len({one.external_id for one in first}) == len(first)
        assert {one.site for one in first} == {site.code for site in factory.SITES}
        assert first == orders.first_orders(scenario, scenario.seed)
        if scenario.orders.backlog:
            assert first != orders.first_orders(scenario, scenario.seed + 1)

    @pytest.mark.parametrize(
        ("name", "event", "within_s"),
        [("breakdown", "breakdown", 180), ("rush", "rush_order", 120)],
    )
    def test_what_they_are_named_for_happens_within_minutes(
        self, name: str, event: str, within_s: float
    ) -> None:
        scenario = find_scenario(name)
        pace = Pace(scenario.speed)
        found = [one for one in scenario.timeline if type(one).__struct_config__.tag == event]
        assert found
        assert 30 <= pace.minutes(found[0].at_minutes) / 1_000 <= within_s

    def test_monday_has_all_of_it(self) -> None:
        scenario = find_scenario("monday")
        tags = {type(one).__struct_config__.tag for one in scenario.timeline}
        assert tags == {
            "breakdown",
            "rush_order",
            "order_changed",
            "order_cancelled",
            "operators_late",
        }
        assert scenario.orders.backlog >= 20

    def test_one_of_your_own(self, tmp_path: Path) -> None:
        own = tmp_path / "own.json"
        own.write_bytes(
            b'{"name": "own", "summary": "one order", "first":'
            b' [{"customer": "NORDHEM", "item": "KT-100", "quantity": 5, "due_minutes": 9}]}'
        )
        scenario = find_scenario(str(own))
        assert (scenario.speed, scenario.seed, scenario.tracked) == (1.0, 1, 1)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"speed": 2_000}, "speed"),
            ({"first": []}, "first"),
            ({"weather": "rain"}, "weather"),
            ({"tracked": 2}, "no first order 2"),
            (
                {
                    "timeline": [
                        {
                            "event": "breakdown",
                            "at_minutes": 1,
                            "machine": "press-77",
                            "minutes": 3,
                            "reason": "x",
                        }
                    ]
                },
                "press-77",
            ),
            ({"timeline": [{"event": "earthquake", "at_minutes": 1}]}, "earthquake"),
            (
                {
                    "timeline": [
                        {
                            "event": "rush_order",
                            "at_minutes": 1,
                            "customer": "NOBODY",
                            "item": "KT-100",
                            "quantity": 1,
                            "due_minutes": 1,
                        }
                    ]
                },
                "NOBODY",
            ),
            ({"orders": {"pieces": [5, 3]}}, "5 is more than 3"),
        ],
    )
    def test_what_is_wrong_is_told(self, change: dict[str, object], says: str) -> None:
        sound: dict[str, object] = {
            "name": "own",
            "summary": "one order",
            "first": [{"customer": "NORDHEM", "item": "KT-100", "quantity": 5, "due_minutes": 9}],
        }
        decode(msgspec.json.encode(sound), where="own")
        with pytest.raises(ScenarioError, match=says):
            decode(msgspec.json.encode(sound | change), where="own")

    def test_what_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(ScenarioError, match="calm, breakdown, rush, monday"):
            find_scenario("stormy")
        with pytest.raises(ScenarioError, match="No such file"):
            find_scenario(str(tmp_path / "none.json"))


def open_order(number: int, scenario: str = "calm", **fields: object) -> OpenOrder:
    values: dict[str, object] = {
        "number": f"SO-{number}",
        "site": WARSAW.code,
        "external_source": "demo",
        "external_id": f"{scenario}-{number}",
        "version": 1,
        "state": "released",
        "quantity_ordered": 100,
        "received": moment(BEGIN),
        "due": moment(BEGIN + HOUR).isoformat(),
    }
    return msgspec.convert(values | fields, OpenOrder)


class TestCustomers:
    def customers(self, name: str = "calm", speed: float = 1) -> Customers:
        return Customers(find_scenario(name), seed=1, pace=Pace(speed))

    def drawn(self, hours: int, count: int, speed: float = 1) -> list[Place]:
        customers = self.customers(speed=speed)
        still = [open_order(n, site=site.code) for site in factory.SITES for n in range(count)]
        placed: list[Place] = []
        newest = 20
        end_ms = BEGIN + Pace(speed).minutes(60 * hours)
        for now_ms in range(BEGIN, end_ms, 500):
            wish = customers.next_order(still, newest, now_ms)
            if wish is not None:
                placed.append(wish)
                newest += 1
        return placed

    def test_they_order_at_their_rate_and_the_same_every_time(self) -> None:
        scenario = find_scenario("calm")
        placed = self.drawn(10, scenario.orders.at_least)
        rate = len(placed) * scenario.orders.every_minutes / 600
        assert 0.85 <= rate <= 1.15
        assert placed == self.drawn(10, scenario.orders.at_least)
        low, high = scenario.orders.pieces
        assert all(low <= one.order.quantity <= high for one in placed)
        assert {one.order.item for one in placed} == {item.code for item in factory.ITEMS}
        assert [one.key for one in placed[:2]] == ["order/calm-21", "order/calm-22"]

    def test_a_fast_factory_gets_orders_faster_but_not_without_end(self) -> None:
        assert len(self.drawn(1, 6, speed=60)) > 8
        assert len(self.drawn(10, 6, speed=1_000)) <= 12

    def test_a_site_with_little_gets_some_at_once_and_a_full_one_none(self) -> None:
        scenario = find_scenario("calm")
        full = [open_order(n) for n in range(scenario.orders.at_most)]
        wish = self.customers().next_order(full, 20, BEGIN + 5_000)
        assert wish is not None
        assert wish.order.site == SUZHOU.code
        assert self.drawn(5, scenario.orders.at_most) == []

    def test_some_change_their_mind_after_a_while_and_only_before_production(self) -> None:
        scenario = find_scenario("calm")
        named = len(scenario.first)
        later = BEGIN + 16 * MINUTE
        still = [open_order(n) for n in range(1, 1_001)]
        wishes = self.customers().changed_minds(still, {}, later)
        shares = [sum(isinstance(one, kind) for one in wishes) / 1_000 for kind in (Change, Cancel)]
        assert shares == pytest.approx(
            [scenario.orders.change_share, scenario.orders.cancel_share], rel=0.5
        )
        numbers = {
            orders.number_of(scenario, one.order.external_id or "")
            for one in wishes
            if not isinstance(one, Place)
        }
        assert min(numbers) > named
        assert self.customers().changed_minds(still, {}, BEGIN) == []
        assert self.customers().changed_minds(still, {one.key: 1 for one in wishes}, later) == []
        begun = [open_order(n, state="in_production") for n in range(1, 1_001)]
        assert self.customers().changed_minds(begun, {}, later) == []

    def test_what_a_scenario_says_of_orders(self) -> None:
        customers = self.customers(speed=60)
        still = [open_order(2), open_order(30)]
        rush = RushOrder(
            at_minutes=1, customer="NORDHEM", item="KT-300", quantity=9, due_minutes=60
        )
        placed = customers.timeline(rush, "timeline/0", still, 30)
        assert isinstance(placed, Place)
        assert placed.order.external_id == "calm-31"
        assert (placed.order.priority, placed.order.site) == (9, SUZHOU.code)
        sooner = OrderChanged(at_minutes=1, order=2, quantity_factor=1.5, due_minutes=-30)
        changed = customers.timeline(sooner, "timeline/1", still, 30)
        assert changed == Change("timeline/1", still[0], 150, -30_000, sooner.reason)
        over = OrderCancelled(at_minutes=1, order=1)
        assert customers.timeline(over, "timeline/2", still, 30) == Cancel(
            "timeline/2", still[1], over.reason
        )
        assert customers.timeline(over, "timeline/2", [], 30) is None


class TestWarehouse:
    order = ProducedOrder(
        number="SO-1",
        lines=[
            ProducedLine(item="KT-100", quantity=120.0, unit="pcs", work_orders=["WO-1"]),
            ProducedLine(item="OD-310", quantity=2.5, unit="pcs", state="cancelled"),
        ],
    )

    def test_what_is_produced_is_received_picked_packed_and_shipped(self) -> None:
        warehouse = Warehouse(WARSAW.code, seed=1)
        assert warehouse.notice([self.order], BEGIN) == [("SO-1", Delivery(BEGIN))]
        assert warehouse.notice([self.order], EpochMs(BEGIN + 5)) == []
        moved = []
        for minute in range(70):
            moved += warehouse.work(EpochMs(BEGIN + minute * MINUTE))
        assert [one.delivery.steps for one in moved] == [1, 2, 3, 4]
        said = [one for step in moved for one in step.said]
        fields = [one.emitted.fields for one in said]
        assert [one["event"] for one in fields] == ["received", "picked", "packed", "shipped"]
        assert {(one["order"], one["item"], one["quantity"]) for one in fields} == {
            ("SO-1", "KT-100", 120)
        }
        assert [one.machine.split("/")[1:] for one in said] == [
            ["warehouse", "finished", "scanner-1"],
            ["warehouse", "finished", "scanner-1"],
            ["warehouse", "shipping", "dock-1"],
            ["warehouse", "shipping", "dock-1"],
        ]
        assert fields[0]["to"] == fields[1]["from"]
        times = [one.emitted.t_ms for one in said]
        assert times == sorted(times)
        assert times[0] > BEGIN

    def test_after_a_restart_it_goes_on_where_it_was(self) -> None:
        whole = Warehouse(WARSAW.code, seed=1)
        whole.notice([self.order], BEGIN)
        late = EpochMs(BEGIN + 2 * HOUR)
        moved = whole.work(late)
        again = Warehouse(WARSAW.code, seed=1, deliveries={"SO-1": moved[1].delivery})
        assert again.notice([self.order], late) == []
        assert again.work(late) == moved[2:]
        assert again.work(late) == []

    def test_speed_makes_it_faster(self) -> None:
        warehouse = Warehouse(WARSAW.code, seed=1, pace=Pace(60))
        warehouse.notice([self.order], BEGIN)
        assert len(warehouse.work(EpochMs(BEGIN + 70_000))) == 4


class TestMemory:
    def test_a_scenario_goes_on_unless_it_stood_still_or_is_another(self, tmp_path: Path) -> None:
        memory = Memory(tmp_path / "memory.sqlite")
        assert memory.begin("calm", 1.0, 1, BEGIN) == BEGIN
        memory.note("timeline/0", BEGIN)
        memory.note("order/calm-20", BEGIN)
        soon = EpochMs(BEGIN + MINUTE)
        memory.still_there(soon, {PRESS: Broken(EpochMs(BEGIN + HOUR), "leak")})
        memory.close()
        memory = Memory(tmp_path / "memory.sqlite")
        later = EpochMs(soon + NEW_AFTER_MS - 1)
        assert memory.begin("calm", 1.0, 1, later) == BEGIN
        assert memory.happened() == {"timeline/0": BEGIN, "order/calm-20": BEGIN}
        assert memory.broken() == {PRESS: Broken(EpochMs(BEGIN + HOUR), "leak")}
        much_later = EpochMs(soon + NEW_AFTER_MS)
        assert memory.begin("calm", 1.0, 1, much_later) == much_later
        assert memory.happened() == {"order/calm-20": BEGIN}
        assert memory.begin("rush", 1.0, 1, EpochMs(much_later + 1)) == much_later + 1
        memory.close()

    def test_deliveries_are_kept_by_site(self, tmp_path: Path) -> None:
        memory = Memory(tmp_path / "memory.sqlite")
        memory.deliver(WARSAW.code, "SO-1", Delivery(BEGIN))
        memory.deliver(WARSAW.code, "SO-1", Delivery(BEGIN, 3))
        assert memory.deliveries(WARSAW.code) == {"SO-1": Delivery(BEGIN, 3)}
        assert memory.deliveries(SUZHOU.code) == {}
        memory.note("x", BEGIN)
        memory.forget("x")
        assert memory.happened() == {}
        memory.close()


class TestAWholeDay:
    """Scenarios played in time that nobody waits for; machines stand where the routing says."""

    def play(self, name: str, minutes: float, speed: float | None = None) -> FakeInstallation:
        scenario = find_scenario(name)
        played = FakeInstallation(scenario, speed or scenario.speed)
        played.run_for(minutes)
        assert not played.unassigned
        return played

    @pytest.mark.parametrize(("speed", "minutes"), [(1, 90), (60, 600), (1_000, 800)])
    def test_no_order_of_calm_is_stuck(self, speed: float, minutes: float) -> None:
        played = self.play("calm", minutes, speed)
        count = len(played.orders)
        assert count > len(played.scenario.first) + 3
        played.order_no_more()
        played.run_for(4 * minutes if speed == 1_000 else 2 * minutes)
        assert len(played.orders) == count
        orders_ = [one for one in played.orders.values() if not one.cancelled]
        assert [one.number for one in orders_ if not one.produced] == []
        # Every piece is made once, and what was spoiled is made again.
        for one in orders_:
            assert all(operation.good >= one.quantity for operation in one.operations)
            assert all(operation.runs == 1 for operation in one.operations)
        assert sum(o.scrap for one in orders_ for o in one.operations) > count / 2
        # What is produced leaves.
        moves = [one.emitted.fields for one in played.said if one.emitted.kind == "move"]
        assert len(moves) == len({(one["order"], one["event"]) for one in moves})
        shipped = {one["order"] for one in moves if one["event"] == "shipped"}
        assert len(shipped) > count / 2

    def test_the_same_seed_is_the_same_day(self) -> None:
        first, second = (self.play("monday", 300) for _ in range(2))
        assert first.said == second.said
        other = FakeInstallation(find_scenario("monday"), 60, seed=2)
        other.run_for(300)
        assert other.said != first.said

    def test_breakdown_takes_the_press_away_for_hours(self) -> None:
        played = self.play("breakdown", 19)
        assert played.states[PRESS][0] != "down"
        played.run_for(3)
        assert played.states[PRESS] == ("down", "hydraulic leak")
        key = played.on_machine[PRESS]
        made = played.operation(key).good
        played.run_for(230)
        assert played.states[PRESS] == ("down", "hydraulic leak")
        assert played.operation(key).good == made
        played.run_for(60)
        assert played.operation(key).good > made

    def test_in_breakdown_the_tracked_order_waits_behind_the_one_on_the_press(self) -> None:
        played = self.play("breakdown", 21)
        tracked = played.orders[f"breakdown-{played.scenario.tracked}"]
        assert tracked.operations[0].machine == PRESS
        assert tracked.operations[0].runs == 0
        alternative = MachinePath(PRESS.replace("press-01", "press-02"))
        assert alternative not in played.on_machine

    def test_rush_brings_two_rush_orders(self) -> None:
        played = self.play("rush", 80)
        rush = [one.order for one in played.orders.values() if one.order.priority == 9]
        assert [one.item for one in rush] == ["KT-100", "OD-310"]

    def test_on_monday_people_are_late_and_customers_change_their_minds(self) -> None:
        played = self.play("monday", 5)
        assert ("idle", "operator late") in {
            played.states[one.path] for one in factory.MACHINES if one.path in played.states
        }
        changed, cancelled = (played.orders[f"monday-{number}"] for number in (5, 6))
        quantity = changed.quantity
        played.run_for(160)
        assert changed.quantity == round(quantity * 1.5)
        assert cancelled.cancelled
        assert any(one.order.priority == 9 for one in played.orders.values())
        assert any(one.emitted.fields.get("reason") == "drive overload" for one in played.said)

    def test_nothing_starts_on_a_machine_where_nobody_works_or_that_is_down(self) -> None:
        played = self.play("monday", 600)
        shown: dict[MachinePath, str] = {}
        starts = 0
        for path, one in played.said:
            if one.kind == "state":
                shown[path] = one.fields["state"]
            elif one.fields.get("event") == "started":
                starts += 1
                assert shown.get(path) not in ("down", "planned_stop")
        assert starts > 40

    def test_times_never_step_back(self) -> None:
        played = self.play("monday", 300)
        last: dict[MachinePath, int] = {}
        for path, one in played.said:
            assert one.t_ms >= last.get(path, 0)
            last[path] = one.t_ms
        assert moment(max(last.values())) < datetime.fromtimestamp(played.now_ms / 1_000 + 1, UTC)
