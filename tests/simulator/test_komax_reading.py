"""Reading the machine's log files: times, code page, broken ends, quotes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from komax_logs import NOW_MS, WARSAW, LogWriter, told

from simulator.replay.komax565.day import read_days
from simulator.replay.komax565.records import read_errors, read_records
from simulator.replay.komax565.text import LogError, decode


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


class TestTimes:
    def test_day_comes_before_month_and_winter_is_an_hour_ahead(self, log: LogWriter) -> None:
        log.started("03/02/2025,07:00:19", "A, 1")
        assert log.told().items[0].t_ms == utc("2025-02-03T06:00:19")

    def test_summer_is_two_hours_ahead(self, log: LogWriter) -> None:
        log.started("03/07/2025,07:00:19", "A, 1")
        assert log.told().items[0].t_ms == utc("2025-07-03T05:00:19")

    def test_the_hour_that_comes_twice_is_told_apart_by_the_order(self, log: LogWriter) -> None:
        for time in ("02:10:00", "02:50:00", "02:05:00", "02:40:00", "03:01:00"):
            log.started(f"26/10/2025,{time}", "A, 1")
        assert [item.t_ms for item in log.told().items] == [
            utc("2025-10-26T00:10:00"),
            utc("2025-10-26T00:50:00"),
            utc("2025-10-26T01:05:00"),
            utc("2025-10-26T01:40:00"),
            utc("2025-10-26T02:01:00"),
        ]

    def test_entries_of_one_second_out_of_order_are_no_second_hour(self, log: LogWriter) -> None:
        log.production("ProductionStarted", "26/10/2025,02:10:01", "A, 1")
        log.production("ProductionInterrupted", "26/10/2025,02:10:00", "A, 1", 3)
        times = {item.t_ms for item in log.told().items}
        assert times == {utc("2025-10-26T00:10:01"), utc("2025-10-26T00:10:00")}

    def test_the_hour_that_does_not_exist_is_taken_by_the_time_before(self, log: LogWriter) -> None:
        log.started("30/03/2025,02:30:00", "A, 1")
        assert log.told().items[0].t_ms == utc("2025-03-30T01:30:00")

    def test_a_time_in_the_future_takes_the_one_before_and_is_reported(
        self, log: LogWriter
    ) -> None:
        log.started("07:00:00", "A, 1")
        log.terminated("03/02/2199,07:10:00", "A, 1", 5)
        messages = log.told()
        assert [item.t_ms // 1_000 for item in messages.items if item.kind == "job"] == [
            utc("2025-02-03T06:00:00") // 1_000
        ] * 2
        assert any("line 8: the time cannot be" in str(one) for one in messages.problems)

    def test_a_leap_ahead_of_a_few_entries_is_not_followed(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.paused("05/02/2025,12:00:00", "A, 1", 1)
        log.counter("Job.sdc", "07:05:00", "Wire=07-1, 0, 0")
        log.restarted("07:10:00", "A, 1", 1)
        log.terminated("22:30:00", "A, 1", 5)
        messages = log.told()
        assert [i.t_ms // 60_000 * 60_000 for i in messages.items if i.kind == "job"] == [
            utc("2025-02-03T06:00:00"),
            utc("2025-02-03T06:00:00"),
            utc("2025-02-03T06:10:00"),
            utc("2025-02-03T21:30:00"),
        ]
        assert any("line 8: the time cannot be" in str(one) for one in messages.problems)

    def test_a_record_without_a_time_is_reported_with_its_line(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.write("Job.sdc", b"[JobTerminated]\r\nJob=A, 1\r\nTotalGoodPieces=5\r\n\r\n")
        log.record("Job.sdc", "JobPaused", "31/02/2025,07:00:00", Job="A, 1")
        problems = [str(one) for one in log.told().problems if "Job.sdc" in str(one)]
        assert problems == [
            "2025-02-03/Job.sdc, line 8: [JobTerminated] has no DateTimeStamp",
            "2025-02-03/Job.sdc, line 12: [JobPaused] has no time in '31/02/2025,07:00:00'",
        ]


class TestCodePage:
    def test_polish_letters_of_the_code_page(self, log: LogWriter) -> None:
        log.write(
            "Job.sdc",
            "[JobStarted]\r\nDateTimeStamp=03/02/2025,07:00:00\r\nJob=Łącznik żółty, 1\r\n"
            "JobRequestedPieces=5\r\n\r\n".encode("cp1250"),
        )
        assert log.told().good == {"Łącznik żółty, 1": 0}

    def test_utf_8_is_taken_as_that(self) -> None:
        assert decode("żółty".encode()) == "żółty"

    def test_bytes_the_code_page_leaves_undefined_are_kept_apart(self) -> None:
        assert decode(b"\xb3\x81") != decode(b"\xb3\x83")
        assert decode(b"\xb3\x81").startswith("ł")


class TestBrokenEnds:
    def test_a_broken_line_is_left_out_and_reported(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.terminated("07:10:00", "A, 1", 50)
        log.started("07:20:00", "A, 1")
        log.write(
            "Job.sdc",
            b"[JobTerminated]\r\nDateTimeStamp=03/02/2025,07:30:00\r\nJob=A, 1\r\n"
            b"TotalGoodPieces=4",
        )
        messages = log.told()
        assert messages.good == {"A, 1": 50}
        assert any("broken off" in str(one) and "line 26" in str(one) for one in messages.problems)

    def test_a_total_that_is_there_counts_though_the_record_breaks_off_later(
        self, log: LogWriter
    ) -> None:
        log.started("07:00:00", "A, 1")
        log.write(
            "Job.sdc",
            b"[JobTerminated]\r\nDateTimeStamp=03/02/2025,07:30:00\r\nJob=A, 1\r\n"
            b"TotalGoodPieces=41\r\nProductionPi",
        )
        assert log.told().good == {"A, 1": 41}

    def test_a_line_with_half_of_its_end_is_all_there(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.write(
            "Job.sdc",
            b"[JobTerminated]\r\nDateTimeStamp=03/02/2025,07:30:00\r\nJob=A, 1\r\n"
            b"TotalGoodPieces=41\r",
        )
        assert log.told().good == {"A, 1": 41}

    @pytest.mark.parametrize("cut", [3, 20, 47, 60, 75, 90])
    def test_nothing_raises_wherever_the_files_break_off(self, log: LogWriter, cut: int) -> None:
        log.started("07:00:00", "A, 1")
        log.production("ProductionStarted", "07:00:00", "A, 1")
        log.record("User.sdc", "LoggedIn", "07:00:00", UserName="OP", MachineName="M")
        log.write("Error.ldc", b'03/02/2025\t07:00:00\tM\tS\t8\t"a\r\nb"\tA\t1\t"a\r\nb"\r\n')
        for path in log.folder.iterdir():
            path.write_bytes(path.read_bytes()[:cut])
        messages = log.told()
        assert set(messages.good) <= {"A, 1"}
        assert messages.problems

    def test_nul_bytes_between_records_are_nothing(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.write("Job.sdc", b"\0" * 88)
        log.terminated("07:10:00", "A, 1", 7)
        messages = log.told()
        assert messages.good == {"A, 1": 7}
        assert not [one for one in messages.problems if one.file.endswith("Job.sdc")]

    def test_nul_bytes_within_a_line_are_reported(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        log.write("Job.sdc", b"[JobTerminated]\r\nDateTimeStamp=03/02/2025,07:1\0\0\0\0")
        log.terminated("07:20:00", "A, 1", 7)
        messages = log.told()
        assert messages.good == {"A, 1": 7}
        assert any("NUL bytes" in str(one) for one in messages.problems)


class TestErrors:
    def test_a_quoted_text_runs_over_lines(self, log: LogWriter) -> None:
        log.write(
            "Error.ldc",
            'x\r\n03/02/2025\t07:13:13\tPrinter\tKimi\t2\t"Not ""ready""\r\n\r\nü: Standby"\t'
            'ZSK/1\t1\t"Not"\r\n03/02/2025\t07:14:00\tAxis\t\t\t"Lift"\t\t\t"Lift"\r\n'.encode(
                "cp1250"
            ),
        )
        messages = log.told()
        first, second = [item for item in messages.items if item.kind == "message"]
        assert first.body["code"] == "Printer.Kimi.2"
        assert first.body["text"] == 'Not "ready"\n\nü: Standby'
        assert first.body["job"] == "ZSK/1, 1"
        assert second.body["code"] == "Axis"
        assert "job" not in second.body
        assert any("belongs to no row: 'x'" in str(one) for one in messages.problems)

    def test_a_quote_never_closed_spoils_its_own_row_only(self, log: LogWriter) -> None:
        log.write(
            "Error.ldc",
            b'03/02/2025\t07:13:13\tM\tS\t8\t"never closed\r\nstill\r\n'
            b'03/02/2025\t07:14:00\tM\tS\t9\t"good"\tZSK/1\t1\t"good"\r\n'
            b'03/02/2025\t07:15:00\tM\tS\t9\t"broken en',
        )
        errors = read_errors(log.folder / "Error.ldc", "Error.ldc", WARSAW, NOW_MS)
        assert [(row.line, row.code) for row in errors.rows] == [(3, "M.S.9")]
        assert [one.line for one in errors.problems] == [1, 4]


class TestDirectories:
    def test_a_folder_of_days_and_a_day_folder(self, tmp_path: Path) -> None:
        for day in ("2025-02-03", "2025-02-04"):
            LogWriter(tmp_path / day, f"{day[-2:]}/02/2025").started("07:00:00", "A, 1")
        (tmp_path / "notes").mkdir()
        assert [day.name for day in read_days(tmp_path, WARSAW, NOW_MS)] == [
            "2025-02-03",
            "2025-02-04",
        ]
        assert len(told(tmp_path / "2025-02-04")) == 1

    def test_a_missing_file_is_said_and_the_rest_is_read(self, log: LogWriter) -> None:
        log.started("07:00:00", "A, 1")
        messages = log.told()
        assert len(messages.items) == 1
        assert sorted(one.file for one in messages.problems) == [
            "2025-02-03/error.ldc",
            "2025-02-03/producti.sdc",
            "2025-02-03/user.sdc",
        ]

    def test_a_directory_without_logs_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(LogError, match=r"neither it nor a folder in it has a Job\.sdc"):
            read_days(tmp_path, WARSAW, NOW_MS)
        with pytest.raises(LogError, match="is no directory"):
            read_days(tmp_path / "nowhere", WARSAW, NOW_MS)

    def test_lines_that_are_no_key_and_value_are_reported(self, log: LogWriter) -> None:
        log.write("Job.sdc", b"orphan\r\n")
        log.started("07:00:00", "A, 1")
        log.write("Job.sdc", b"no equals sign\r\n")
        read = read_records(log.folder / "Job.sdc", "Job.sdc", WARSAW, NOW_MS)
        assert [(one.line, one.what) for one in read.problems] == [
            (1, "belongs to no record: 'orphan'"),
            (9, "is no Key=value: 'no equals sign'"),
        ]
