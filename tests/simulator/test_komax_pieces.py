"""Runs, pieces and what the join makes of them."""

from __future__ import annotations

import itertools
import random
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from komax_logs import (
    WARSAW,
    LogWriter,
    join,
    joined,
    reference_truth,
    told,
    truth_of,
)

from contracts.ids import EpochMs
from simulator.replay.komax565.messages import DayMessages
from simulator.replay.komax565.runs import increases


def counts(messages: DayMessages) -> list[tuple[str, int]]:
    """Good counts as (local time, pieces)."""
    return [(local(item.t_ms), item.body["good"]) for item in messages.items if "good" in item.body]


def local(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1_000, WARSAW).strftime("%H:%M:%S")


class TestTheCounter:
    def test_each_increase_counts_at_its_time(self) -> None:
        counter = [(EpochMs(1), 0), (EpochMs(2), 20), (EpochMs(3), 20), (EpochMs(4), 50)]
        assert increases(counter, EpochMs(9), 50) == [(2, 20), (4, 30)]

    def test_what_only_the_end_knows_counts_at_the_end(self) -> None:
        assert increases([(EpochMs(2), 20)], EpochMs(9), 23) == [(2, 20), (9, 3)]

    def test_pieces_before_the_counter_was_set_back_do_not_count(self) -> None:
        counter = [(EpochMs(1), 85), (EpochMs(2), 4), (EpochMs(3), 85)]
        assert increases(counter, EpochMs(9), 85) == [(2, 4), (3, 81)]
        assert increases([(EpochMs(1), 100)], EpochMs(9), 5) == [(9, 5)]

    @given(
        st.lists(st.integers(0, 60), max_size=12),
        st.integers(0, 60),
    )
    def test_the_sum_is_the_total_of_the_end(self, counter: list[int], total: int) -> None:
        readings = [(EpochMs(place), reading) for place, reading in enumerate(counter)]
        made = increases(readings, EpochMs(len(counter)), total)
        assert sum(pieces for _, pieces in made) == total
        assert all(pieces > 0 for _, pieces in made)
        assert [at for at, _ in made] == sorted(at for at, _ in made)


class TestRuns:
    def test_pieces_at_the_time_they_were_produced(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.production("ProductionStarted", "07:00:10", "A, 1")
        log.production("ProductionInterrupted", "07:05:00", "A, 1", 20)
        log.production("ProductionRestarted", "07:05:30", "A, 1", 20)
        log.production("ProductionInterrupted", "07:09:00", "A, 1", 50)
        log.terminated("07:10:00", "A, 1", 50)
        log.production("ProductionTerminated", "07:10:02", "A, 1", 50)
        messages = log.told()
        assert counts(messages) == [("07:05:00", 20), ("07:09:00", 30)]
        assert joined([messages]).operations["A, 1"] == (50, 0, 1, "completed")
        assert joined([messages]).requested == {"A, 1": 50}

    def test_a_run_whose_end_was_never_logged_counts_nothing(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.production("ProductionInterrupted", "07:05:00", "A, 1", 20)
        log.started("08:00:00", "A, 1")
        log.production("ProductionInterrupted", "08:05:00", "A, 1", 7)
        log.terminated("08:10:00", "A, 1", 7)
        log.started("09:00:00", "B, 1")
        log.production("ProductionInterrupted", "09:05:00", "B, 1", 30)
        messages = log.told()
        assert counts(messages) == [("08:05:00", 7)]
        assert joined([messages]).operations == {
            "A, 1": (7, 0, 2, "completed"),
            "B, 1": (0, 0, 1, "running"),
        }
        shown = [i.body["value"] for i in messages.items if i.kind == "reading"]
        assert 30 in shown

    def test_a_restart_without_a_start_is_a_run(self, log: LogWriter) -> None:
        log.restarted("06:40:00", "A, 1", 37)
        log.production("ProductionInterrupted", "06:45:00", "A, 1", 50)
        log.terminated("06:50:00", "A, 1", 60)
        messages = log.told()
        assert counts(messages) == [("06:40:00", 37), ("06:45:00", 13), ("06:49:59", 10)]
        assert joined([messages]).operations["A, 1"] == (60, 0, 1, "completed")

    def test_a_restart_within_a_run_is_no_run(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.paused("07:10:00", "A, 1", 5)
        log.restarted("07:20:00", "A, 1", 5)
        log.terminated("07:30:00", "A, 1", 9)
        messages = log.told()
        assert counts(messages) == [("07:10:00", 5), ("07:29:59", 4)]
        assert joined([messages]).operations["A, 1"] == (9, 0, 1, "completed")

    def test_an_end_without_a_start_counts(self, log: LogWriter) -> None:
        log.started("06:00:00", "B, 1")
        log.terminated("06:30:00", "B, 1", 3)
        log.production("ProductionStarted", "07:00:00", "A, 1")
        log.production("ProductionInterrupted", "07:05:00", "A, 1", 20)
        log.terminated("07:10:00", "A, 1", 25, requested=40)
        messages = log.told()
        assert counts(messages)[1:] == [("07:05:00", 20), ("07:09:59", 5)]
        result = joined([messages])
        assert result.operations["A, 1"] == (25, 0, 1, "completed")
        assert result.operations["B, 1"] == (3, 0, 1, "completed")
        assert result.requested["A, 1"] == 40

    def test_an_end_without_a_start_at_the_very_beginning(self, log: LogWriter) -> None:
        log.terminated("07:10:00", "A, 1", 25)
        assert joined([log.told()]).operations["A, 1"] == (25, 0, 1, "completed")

    def test_two_ends_count_both(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.terminated("07:10:00", "A, 1", 25)
        log.terminated("07:10:00", "A, 1", 4)
        assert joined([log.told()]).operations["A, 1"].good == 29

    def test_a_job_within_another_job(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.production("ProductionInterrupted", "07:00:02", "A, 1", 3)
        log.started("07:00:04", "B, 1")
        log.aborted("07:00:04", "B, 1", 0)
        log.production("ProductionInterrupted", "07:20:00", "A, 1", 60)
        log.terminated("07:30:00", "A, 1", 60)
        messages = log.told()
        assert joined([messages]).operations == {
            "A, 1": (60, 0, 2, "completed"),
            "B, 1": (0, 0, 1, "aborted"),
        }
        assert counts(messages) == [("07:00:02", 3), ("07:20:00", 57)]

    def test_an_end_and_the_next_start_in_one_second(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.production("ProductionInterrupted", "07:10:00", "A, 1", 5)
        log.terminated("07:10:00", "A, 1", 5)
        log.started("07:10:00", "B, 1")
        log.production("ProductionInterrupted", "07:10:00", "B, 1", 2)
        log.terminated("07:10:00", "B, 1", 4)
        log.started("07:10:00", "A, 1")
        log.terminated("07:10:01", "A, 1", 1)
        result = joined([log.told()])
        assert {job: one.good for job, one in result.operations.items()} == {"A, 1": 6, "B, 1": 4}
        assert result.unassigned == 0

    def test_many_jobs_begun_and_ended_in_one_second(self, log: LogWriter) -> None:
        for number in range(80):
            log.started("07:10:00", f"A, {number}")
            log.aborted("07:10:00", f"A, {number}", number)
        result = joined([log.told()])
        assert {job: one.good for job, one in result.operations.items()} == {
            f"A, {number}": number for number in range(80)
        }

    def test_a_clock_set_back_does_not_reorder(self, log: LogWriter) -> None:
        log.started("10:00:00", "A, 1")
        log.production("ProductionInterrupted", "10:30:00", "A, 1", 8)
        log.terminated("10:40:00", "A, 1", 10)
        log.started("10:05:00", "B, 1")
        log.production("ProductionInterrupted", "10:10:00", "B, 1", 3)
        log.terminated("10:15:00", "B, 1", 4)
        messages = log.told()
        result = joined([messages])
        assert {job: one.good for job, one in result.operations.items()} == {"A, 1": 10, "B, 1": 4}
        assert [i.body.get("logged") is not None for i in messages.items if i.kind == "job"] == [
            False,
            False,
            True,
            True,
        ]

    def test_pieces_across_the_hour_that_comes_twice(self, log: LogWriter) -> None:
        log.started("26/10/2025,02:30:00", "A, 1")
        log.production("ProductionInterrupted", "26/10/2025,02:50:00", "A, 1", 10)
        log.production("ProductionInterrupted", "26/10/2025,02:10:00", "A, 1", 30)
        log.terminated("26/10/2025,02:20:00", "A, 1", 30)
        messages = log.told()
        assert counts(messages) == [("02:50:00", 10), ("02:10:00", 20)]
        times = [item.t_ms for item in messages.items if item.kind == "count"]
        assert times[1] - times[0] == 20 * 60_000

    def test_a_crimp_judged_bad_is_scrap_of_its_run(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.production("ProductionInterrupted", "07:05:00", "A, 1", 20)
        log.record(
            "Producti.sdc",
            "MeasurementsLeadSet1",
            "07:05:00",
            TerminalEnd1="5, FALSE, -692, 692, 198.5",
            TerminalEnd2="5, TRUE, 9, 13, 1051.0",
        )
        log.terminated("07:10:00", "A, 1", 20)
        assert joined([log.told()]).operations["A, 1"] == (20, 1, 1, "completed")

    def test_an_end_without_a_total_is_reported_and_counts_nothing(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.record("Job.sdc", "JobTerminated", "07:10:00", Job="A, 1", TotalGoodPieces="many")
        messages = log.told()
        assert joined([messages]).operations["A, 1"] == (0, 0, 1, "completed")
        assert any("is no number of pieces: 'many'" in str(one) for one in messages.problems)


_STEPS = st.tuples(
    st.sampled_from(["started", "restarted", "paused", "terminated", "aborted", "production"]),
    st.sampled_from(["A, 1", "A, 2", "LOCAL(1), 1"]),
    st.integers(0, 9),
    st.sampled_from([0, 0, 0, 1, 1, 30, 600, -1, -3_600, 100_000, -100_000]),
)


class TestAnyLog:
    @settings(max_examples=150, deadline=None)
    @given(steps=st.lists(_STEPS, max_size=25))
    def test_whatever_a_log_tells_the_join_gives_the_totals_of_its_ends(
        self, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, int, int]]
    ) -> None:
        log = LogWriter(tmp_path_factory.mktemp("any") / "day")
        log.write("Job.sdc", b"")
        log.write("Producti.sdc", b"")
        now = datetime(2025, 10, 25, 22, 0, tzinfo=WARSAW).replace(tzinfo=None)
        for what, job, total, seconds in steps:
            now += timedelta(seconds=seconds)
            time = now.strftime("%d/%m/%Y,%H:%M:%S")
            if what == "production":
                log.production("ProductionInterrupted", time, job, total)
            elif what == "started":
                log.started(time, job)
            else:
                getattr(log, what)(time, job, total)
        result = joined([log.told()])
        good = {job: one.good for job, one in result.operations.items()}
        truth = truth_of([log.folder / "Job.sdc"])
        assert {job: good.get(job) for job in truth} == truth
        assert result.unassigned == 0


class TestIdentity:
    def write(self, log: LogWriter, records: int) -> None:
        steps: list[Callable[[], None]] = [
            lambda: log.started("07:00:00", "A, 1"),
            lambda: log.paused("07:10:00", "A, 1", 5),
            lambda: log.restarted("07:20:00", "A, 1", 5),
            lambda: log.started("07:25:00", "B, 1"),
            lambda: log.aborted("07:25:00", "B, 1", 0),
            lambda: log.terminated("07:30:00", "A, 1", 9),
            lambda: log.started("07:40:00", "C, 1"),
            lambda: log.terminated("07:50:00", "C, 1", 3),
        ]
        log.production("ProductionInterrupted", "07:05:00", "A, 1", 4)
        log.production("ProductionInterrupted", "07:28:00", "A, 1", 8)
        for step in steps[:records]:
            step()

    @pytest.mark.parametrize("records", range(1, 8))
    def test_a_log_that_grows_keeps_what_it_had(self, tmp_path: Path, records: int) -> None:
        short, whole = LogWriter(tmp_path / "a" / "day"), LogWriter(tmp_path / "b" / "day")
        self.write(short, records)
        self.write(whole, 8)
        both = [*short.told().items, *whole.told().items]
        result = join([item.body for item in both], [str(item.kind) for item in both])
        assert result == joined([whole.told()])

    def test_another_folder_name_changes_nothing(self, tmp_path: Path) -> None:
        for name in ("2025-02-03", "elsewhere"):
            self.write(LogWriter(tmp_path / name), 8)
        first, second = told(tmp_path)
        assert msgspec.json.encode([item.body for item in first.items]) == msgspec.json.encode(
            [item.body for item in second.items]
        )


class TestOtherMessages:
    def test_operators_and_the_log_on_of_nobody(self, log: LogWriter) -> None:
        log.record("User.sdc", "LoggedIn", "06:40:00", UserName="KXOP", MachineName="A565")
        log.record("User.sdc", "LoggedOut", "22:40:00", UserName="KXOP", MachineName="A565")
        log.record("User.sdc", "LoggedIn", "22:41:00", UserName="", MachineName="A565")
        items = log.told().items
        assert [(str(i.kind), i.body.get("event"), i.body.get("operator")) for i in items] == [
            ("operator", "logged_on", "KXOP"),
            ("operator", "logged_off", "KXOP"),
            ("reading", None, None),
        ]

    def test_material_is_what_the_counters_rose_by(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.counter("Job.sdc", "07:00:00", "Wire=07-1, 0, 0", "Terminal=04, P, 0, 0")
        log.production("ProductionInterrupted", "07:05:00", "A, 1", 2)
        log.counter("Producti.sdc", "07:05:00", "Wire=07-1, 480, 240", "Terminal=04, P, 2, 1")
        log.terminated("07:10:00", "A, 1", 2)
        log.counter("Job.sdc", "07:10:00", "Wire=07-1, 600, 240", "Terminal=04, P, 2, 1")
        used = [
            (i.body["item"], i.body["quantity"], i.body["quantity_good"], i.body["unit"])
            for i in log.told().items
            if i.kind == "material"
        ]
        assert used == [
            ("07-1", 480, 240, "mm"),
            ("04, P", 2, 1, "pcs"),
            ("07-1", 120, 0, "mm"),
        ]

    def test_samples_learning_and_measurements_are_readings(self, log: LogWriter) -> None:
        log.production("SampleStarted", "07:00:00", "A, 1")
        log.production("LearnTerminated", "07:01:00", "A, 1")
        log.record("Producti.sdc", "MeasurementData", "07:02:00", WireLength="07-1, TRUE, 1000")
        log.record("Producti.sdc", "QualityParameters", "07:02:00", Terminal="04, 200, 1, 0.6")
        readings = [
            (i.body["name"], i.body["value"]) for i in log.told().items if i.kind == "reading"
        ]
        assert readings == [
            ("sample", "started"),
            ("learn", "terminated"),
            ("MeasurementData.WireLength", True),
            ("QualityParameters.Terminal", "04, 200, 1, 0.6"),
        ]


@pytest.mark.reference_data
class TestReference:
    def test_all_jobs_have_the_pieces_of_the_truth(self, reference: Path) -> None:
        result = joined(told(reference))
        truth = reference_truth(reference)
        assert len(truth) == 107
        assert {job: one.good for job, one in result.operations.items()} == {
            job: int(row["good_total"]) for job, row in truth.items()
        }
        assert result.requested == {job: int(row["requested_last"]) for job, row in truth.items()}
        assert result.unassigned == 0

    def test_the_reading_of_the_truth_here_agrees_with_the_file(self, reference: Path) -> None:
        assert truth_of(sorted(reference.glob("*/Job.sdc"))) == {
            job: int(row["good_total"]) for job, row in reference_truth(reference).items()
        }

    @pytest.mark.parametrize("count", [1, 2])
    def test_any_days_alone_and_in_pairs(self, reference: Path, tmp_path: Path, count: int) -> None:
        days = sorted(path for path in reference.iterdir() if path.is_dir())
        for place, chosen in enumerate(itertools.combinations(days, count)):
            folder = tmp_path / str(place)
            for day in chosen:
                shutil.copytree(day, folder / day.name)
            result = joined(told(folder))
            assert {job: one.good for job, one in result.operations.items()} == truth_of(
                day / "Job.sdc" for day in chosen
            )

    def test_most_pieces_are_told_before_their_run_ends(self, reference: Path) -> None:
        items = [item for day in told(reference) for item in day.items]
        ends = {
            item.t_ms - 1 for item in items if item.body.get("event") in ("completed", "aborted")
        }
        good = [(item.t_ms, item.body["good"]) for item in items if "good" in item.body]
        at_an_end = sum(pieces for t_ms, pieces in good if t_ms in ends)
        assert at_an_end < 0.05 * sum(pieces for _, pieces in good)

    def test_nothing_of_the_reference_is_unreadable(self, reference: Path) -> None:
        assert [str(one) for day in told(reference) for one in day.problems] == []

    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_files_cut_anywhere_agree_with_the_truth_of_what_is_left(
        self, reference: Path, tmp_path_factory: pytest.TempPathFactory, seed: int
    ) -> None:
        chance = random.Random(seed)
        folder = tmp_path_factory.mktemp("cut")
        day = chance.choice(sorted(path for path in reference.iterdir() if path.is_dir()))
        for path in day.iterdir():
            data = path.read_bytes()
            lines = data.split(b"\r\n")
            kept = b"\r\n".join(lines[: chance.randrange(2, len(lines))]) + b"\r\n"
            (folder / path.name).write_bytes(kept)
        result = joined(told(folder))
        assert {job: one.good for job, one in result.operations.items()} == truth_of(
            [folder / "Job.sdc"]
        )
