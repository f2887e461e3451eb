"""The parts of the supervisor, each with real processes and files."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis
from up_process import alive, wait_for

from launch import leftovers
from launch.child import BackOff, Child, Plan
from launch.display import uptime_text
from launch.installation import InstallationError, ProcessState, hold, is_running
from launch.logfile import LogFile
from launch.ports import LOOPBACK, PortBook, is_free
from launch.programs import Program
from launch.supervisor import STOP_WITHIN_S
from launch.vitals import Vitals
from launch.watchdog import Watch
from runtime import tasks
from runtime.clock import SystemClock
from runtime.health import Health, HealthState, report

SLEEP = Program(name="sleeper", argv=("/bin/sleep", "1000"), environment={}, cwd=Path("/"))


def shell(script: str) -> Program:
    return replace(SLEEP, argv=("/bin/sh", "-c", script))


def child_of(program: Callable[[], Program], folder: Path) -> Child:
    run_dir = folder / "run"
    run_dir.mkdir(exist_ok=True)
    plan = Plan(name="sleeper", program=program)
    return Child(plan, logs=folder / "logs", run_dir=run_dir, changed=lambda: None)


async def until(condition: Callable[[], bool], what: str) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the state of another process
            await asyncio.sleep(0.02)
    assert condition(), what


class TestChild:
    async def test_a_killed_process_is_started_again_and_stopped_in_the_end(
        self, tmp_path: Path
    ) -> None:
        child = child_of(lambda: SLEEP, tmp_path)
        keeping = asyncio.create_task(child.keep())
        await asyncio.wait_for(child.ready.wait(), 60)
        first = child.status.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.status.restarts == 1 and child.ready.is_set(), "running again")
        assert child.status.pid not in {None, first}
        assert child.status.problem == "killed by SIGKILL"
        await child.stop(10)
        await keeping
        assert child.status.state is ProcessState.STOPPED
        assert not list((tmp_path / "run").iterdir())

    async def test_its_last_words_are_kept_and_all_are_logged(self, tmp_path: Path) -> None:
        child = child_of(lambda: shell("echo one; echo no such port >&2; exit 3"), tmp_path)
        keeping = asyncio.create_task(child.keep())
        await until(lambda: child.status.state is ProcessState.BACKING_OFF, "backing off")
        assert child.status.problem == "ended with code 3: no such port"
        await child.stop(10)
        await keeping
        assert (tmp_path / "logs" / "sleeper.log").read_text().startswith("one\nno such port\n")

    async def test_one_that_does_not_want_to_end_is_made_to(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        child = child_of(lambda: shell("trap '' TERM; echo deaf; sleep 1000"), tmp_path)
        keeping = asyncio.create_task(child.keep())
        log = tmp_path / "logs" / "sleeper.log"
        await until(lambda: log.exists() and "deaf" in log.read_text(), "deaf")
        assert child.status.pid is not None
        everything = [
            psutil.Process(child.status.pid),
            *psutil.Process(child.status.pid).children(),
        ]
        await child.stop(0.5)
        await keeping
        wait_for(lambda: not alive(everything), "its children gone too")
        said = "sleeper is still running 0.5 s after SIGTERM: killing it; the last it said: deaf"
        assert said in caplog.text

    async def test_one_that_needs_time_to_end_has_it(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        slow = "trap 'sleep 1; echo written; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
        child = child_of(lambda: shell(slow), tmp_path)
        keeping = asyncio.create_task(child.keep())
        log = tmp_path / "logs" / "sleeper.log"
        await until(lambda: log.exists() and "ready" in log.read_text(), "ready")
        await child.stop(STOP_WITHIN_S)
        await keeping
        assert log.read_text().endswith("written\n")
        assert "killing" not in caplog.text
        # Services, then backends, before systemd's own patience is over.
        assert STOP_WITHIN_S > 5
        assert 2 * STOP_WITHIN_S < 90

    async def test_a_program_that_cannot_be_prepared_is_tried_again(self, tmp_path: Path) -> None:
        attempts: list[int] = []

        def program() -> Program:
            attempts.append(1)
            if len(attempts) < 3:
                raise OSError("no room for the configuration")
            return SLEEP

        child = child_of(program, tmp_path)
        keeping = asyncio.create_task(child.keep())
        await asyncio.wait_for(child.ready.wait(), 60)
        assert child.status.problem == "no room for the configuration"
        await child.stop(10)
        await keeping

    def test_waits_double_up_to_a_limit_and_are_forgotten_after_a_good_run(self) -> None:
        back_off = BackOff(first_s=0.2, longest_s=1.0, forget_after_s=30.0)
        waits = [back_off.next_s(None, 0.0)]
        for _ in range(4):
            waits.append(back_off.next_s(waits[-1], 1.0))
        assert waits == [0.2, 0.4, 0.8, 1.0, 1.0]
        assert back_off.next_s(1.0, 30.0) == 0.2


class TestWard:
    def test_a_child_dies_with_its_parent_however_that_dies(self, tmp_path: Path) -> None:
        parent_code = (
            "import subprocess, sys, time; from pathlib import Path; "
            "from launch.programs import Program; "
            "program = Program(name='s', argv=('/bin/sleep', '1000'), environment={}, "
            "cwd=Path('/')); "
            "child = subprocess.Popen(program.warded()); "
            f"Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid)); time.sleep(1000)"
        )
        parent = subprocess.Popen([sys.executable, "-c", parent_code])
        path = tmp_path / "pid"
        wait_for(lambda: path.exists() and bool(path.read_text()), "the child's id")
        child = psutil.Process(int(path.read_text()))
        wait_for(lambda: child.name() == "sleep", "the ward has become the program")
        parent.kill()
        parent.wait()
        wait_for(lambda: not alive([child]), "the child gone")

    def test_a_ward_whose_parent_is_gone_starts_nothing(self, tmp_path: Path) -> None:
        mark = tmp_path / "mark"
        command = shell(f"touch {mark}").warded()
        command[command.index(str(os.getpid()))] = "1"
        assert subprocess.run(command, check=False).returncode == 0
        assert not mark.exists()

    def test_a_missing_program_is_named(self) -> None:
        command = replace(SLEEP, argv=("/no/such/program",)).warded()
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        assert ended.returncode != 0
        assert "/no/such/program" in ended.stderr


class TestLeftovers:
    def test_a_recorded_process_that_still_lives_is_ended(self, tmp_path: Path) -> None:
        process = subprocess.Popen(["/bin/sleep", "1000"], process_group=0)
        leftovers.record(tmp_path, process.pid, SLEEP)
        assert leftovers.end_leftovers(tmp_path) == ["sleeper"]
        assert process.wait(60) == -signal.SIGKILL
        assert not list(tmp_path.iterdir())

    def test_another_process_under_the_same_id_is_left_alone(self, tmp_path: Path) -> None:
        process = subprocess.Popen(["/bin/sleep", "1000"], process_group=0)
        try:
            leftovers.record(tmp_path, process.pid, replace(SLEEP, argv=("/usr/bin/other",)))
            assert leftovers.end_leftovers(tmp_path) == []
            assert process.poll() is None
        finally:
            process.kill()
            process.wait()


class TestWatch:
    OK = Health(service="edge", state=HealthState.OK, at_ms=0, pid=7)
    STALLED = Health(
        service="edge", state=HealthState.FAILED, reason="stalled: partition 3", at_ms=0, pid=7
    )

    @pytest.mark.parametrize("health", [None, STALLED], ids=["silent", "stalled"])
    def test_a_service_without_life_is_restarted_after_grace_and_patience(
        self, health: Health | None
    ) -> None:
        watch = Watch(start_grace_s=30, patience_s=20)
        verdicts = {t: watch.judge(float(t), 7, health) for t in range(0, 60, 2)}
        first = min(t for t, verdict in verdicts.items() if verdict is not None)
        assert first == 52

    def test_one_word_in_time_is_enough(self) -> None:
        watch = Watch(start_grace_s=0, patience_s=20)
        for t in range(200):
            assert watch.judge(float(t), 7, self.OK if t % 15 == 0 else None) is None

    def test_a_failure_it_knows_itself_is_not_the_watchdogs(self) -> None:
        watch = Watch(start_grace_s=0, patience_s=20)
        full = Health(
            service="edge", state=HealthState.FAILED, reason="outbox full", at_ms=0, pid=7
        )
        assert [watch.judge(float(t), 7, full) for t in range(100)] == [None] * 100

    def test_the_word_of_an_earlier_process_does_not_count(self) -> None:
        watch = Watch(start_grace_s=0, patience_s=20)
        assert watch.judge(0, 8, self.OK) is None
        assert watch.judge(21, 8, self.OK) is not None

    def test_while_redis_is_silent_nothing_is_held_against_it(self) -> None:
        watch = Watch(start_grace_s=0, patience_s=20)
        watch.judge(0, 7, None)
        watch.unknown()
        assert watch.judge(30, 7, None) is None

    async def test_a_silent_process_is_really_replaced(
        self, redis_url: str, tmp_path: Path
    ) -> None:
        child = child_of(lambda: SLEEP, tmp_path)
        keeping = asyncio.create_task(child.keep())
        await asyncio.wait_for(child.ready.wait(), 60)
        vitals = Vitals(
            Redis.from_url(redis_url), watch=lambda: Watch(start_grace_s=0.2, patience_s=0.2)
        )
        vitals.add(child)
        watching = asyncio.create_task(vitals.watch(every_s=0.1))
        await until(lambda: child.status.restarts >= 1, "replaced")
        assert child.status.problem is not None
        assert "said nothing" in child.status.problem
        await tasks.end([watching])
        await child.stop(10)
        await keeping
        await vitals.close()

    async def test_what_a_living_process_says_is_known(
        self, redis_url: str, tmp_path: Path
    ) -> None:
        child = child_of(lambda: SLEEP, tmp_path)
        keeping = asyncio.create_task(child.keep())
        await asyncio.wait_for(child.ready.wait(), 60)
        redis = Redis.from_url(redis_url)
        vitals = Vitals(redis)
        vitals.add(child)
        assert child.status.pid is not None
        word = Health(
            service="sleeper",
            state=HealthState.DEGRADED,
            at_ms=SystemClock().now_ms(),
            pid=child.status.pid,
        )
        await report(redis, word)
        await vitals.ask("sleeper")
        assert vitals.last_word_of("sleeper") == word
        await child.stop(10)
        await keeping
        assert vitals.last_word_of("sleeper") is None
        await vitals.close()


class TestDataDirectory:
    def test_it_has_one_holder_at_a_time(self, data_dir: Path) -> None:
        assert not is_running(data_dir)
        with hold(data_dir):
            assert is_running(data_dir)
            with pytest.raises(InstallationError, match=str(os.getpid())):
                hold(data_dir)
        assert not is_running(data_dir)
        hold(data_dir).close()

    def test_ports_are_remembered_unless_taken(self, data_dir: Path) -> None:
        book = PortBook(data_dir / "ports.json")
        port = book.port_of("postgres")
        assert PortBook(data_dir / "ports.json").port_of("postgres") == port
        assert book.port_of("valkey") != port
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            taken.bind((LOOPBACK, port))
            taken.listen()
            assert not is_free(port)
            assert book.port_of("postgres") != port

    def test_logs_are_rotated_by_size(self, tmp_path: Path) -> None:
        log = LogFile(tmp_path / "a.log", limit_bytes=100, keep=2)
        for number in range(60):
            log.write(b"line %02d\n" % number)
        log.close()
        names = sorted(path.name for path in tmp_path.iterdir())
        assert names == ["a.log", "a.log.1", "a.log.2"]
        text = b"".join((tmp_path / name).read_bytes() for name in reversed(names))
        assert text.endswith(b"line 58\nline 59\n")
        assert all((tmp_path / name).stat().st_size <= 108 for name in names)

    def test_a_log_that_cannot_be_written_does_not_fail_its_writer(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        log = LogFile(tmp_path / "file" / "a.log")
        log.write(b"lost\n")
        log.write(b"lost\n")
        (tmp_path / "file").unlink()
        log.write(b"kept\n")
        log.close()
        text = (tmp_path / "file" / "a.log").read_bytes()
        assert text == b"[2 pieces of output could not be written]\nkept\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7_260, "2 h 1 min"), (90_000, "1 d 1 h")],
)
def test_uptime_is_told_in_two_units(seconds: int, text: str) -> None:
    assert uptime_text(1_000, 1_000 + seconds * 1_000) == text
