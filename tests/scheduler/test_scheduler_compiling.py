"""Machine code that is missing is made by one other process, and used part by part."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from domain.plan.plan import Infeasible
from domain.plan.policy import Policy
from domain.plan.problem import (
    Job,
    Machine,
    Mode,
    Need,
    Operation,
    Problem,
    Resource,
)
from scheduler import kernel
from scheduler.compiler import Compiler
from scheduler.kernel import Kernel
from scheduler.machine_code import KEPT_S, MachineCode, Part
from scheduler.solve import first_plan

PLAIN = Problem(
    now_ms=0,
    machines=(Machine(id=1),),
    jobs=(Job(id=1, due_ms=60_000),),
    operations=(Operation(id=1, job=1, modes=(Mode(1, 60_000),)),),
)
OF_TWO_PARTS = """
import signal, sys, time
from pathlib import Path
from scheduler.machine_code import MachineCode, Part
signal.alarm(600)
folder = Path(sys.argv[1])
cache = MachineCode(folder)
for part in Part:
    while not (folder / f"make {part}").exists():
        time.sleep(0.02)
    cache.keep(part)
    print("made", part, flush=True)
"""
"""A compiler that has nothing to compile, and makes each part when it is told to."""
FOR_EVER = """
import os, sys, time
from pathlib import Path
from scheduler.compiling import stand_behind
stand_behind()
Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(600)
"""
SERVICE = """
import sys, time
from pathlib import Path
from scheduler.kernel import Kernel
from scheduler.machine_code import MachineCode
folder, child, pid = sys.argv[1:]
Kernel(MachineCode(Path(folder)), print, (sys.executable, "-c", child, pid)).warm_up_behind()
time.sleep(600)
"""
COMMAND = """
from scheduler import compiling, kernel
kernel.use = lambda part: None
compiling.main([])
"""


@pytest.fixture
def cache(tmp_path: Path) -> MachineCode:
    folder = tmp_path / "search-0123456789abcdef"
    folder.mkdir()
    return MachineCode(folder)


def _until(happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < end, f"waited too long for {what}"
        time.sleep(0.02)


def _ended(behind: Kernel) -> None:
    assert behind._behind is not None
    behind._behind.join(120)
    assert not behind._behind.is_alive()


def _command(script: str, *arguments: Path) -> tuple[str, ...]:
    return (sys.executable, "-c", script, *map(str, arguments))


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class TestReadiness:
    def test_machines_are_used_while_the_rest_is_made(self, cache: MachineCode) -> None:
        used: list[Part] = []
        behind = Kernel(cache, used.append, _command(OF_TWO_PARTS, cache.folder))
        behind.warm_up_behind()
        assert not any(map(behind.has, Part))
        (cache.folder / "make machines").touch()
        _until(lambda: behind.has(Part.MACHINES), "the first part")
        assert not behind.has(Part.ALL)
        assert used == [Part.MACHINES]
        (cache.folder / "make all").touch()
        _until(lambda: behind.has(Part.ALL), "the second part")
        assert used == list(Part)
        _ended(behind)

    def test_what_is_in_the_cache_is_loaded_without_another_process(
        self, cache: MachineCode
    ) -> None:
        for part in Part:
            cache.keep(part)
        behind = Kernel(cache, lambda _: None, ("/no such program",))
        behind.warm_up_behind()
        _ended(behind)
        assert all(map(behind.has, Part))

    def test_who_cannot_wait_behind_waits_for_the_other_process(self, cache: MachineCode) -> None:
        used: list[Part] = []
        behind = Kernel(cache, used.append, _command(OF_TWO_PARTS, cache.folder))
        behind.warm_up_behind()
        # Else the one who waits might be the one who compiles.
        _until(lambda: _is_locked(cache), "the other process")
        waiting = threading.Thread(target=behind.warm_up)
        waiting.start()
        for part in Part:
            (cache.folder / f"make {part}").touch()
        waiting.join(120)
        assert used == list(Part)
        _ended(behind)

    @pytest.mark.parametrize(
        ("problem", "part"),
        [
            (PLAIN, Part.MACHINES),
            (
                msgspec.structs.replace(
                    PLAIN,
                    operations=(Operation(id=1, job=1, modes=(Mode(1, 60_000, 0, (Need(7),)),)),),
                    resources=(Resource(id=7),),
                ),
                Part.ALL,
            ),
            (msgspec.structs.replace(PLAIN, policy=Policy(makespan=1)), Part.ALL),
            (msgspec.structs.replace(PLAIN, machines=(Machine(id=1, batch_units=4),)), Part.ALL),
        ],
        ids=["machines", "a tool", "another objective", "an oven"],
    )
    def test_a_problem_waits_for_its_own_part_only(
        self, problem: Problem, part: Part, cache: MachineCode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = Kernel(cache, lambda _: None)
        monkeypatch.setattr(kernel, "_kernel", one)
        assert kernel.part_of(problem) is part
        assert not kernel.is_ready(problem)
        kernel.warm_up(Part.MACHINES)
        assert kernel.is_ready(problem) is (part is Part.MACHINES)
        kernel.warm_up()
        assert kernel.is_ready(problem)

    def test_another_processors_or_versions_code_does_not_count(self, cache: MachineCode) -> None:
        (cache.folder / f"{Part.MACHINES}-0123456789abcdef.done").touch()
        assert not cache.has(Part.MACHINES)
        cache.keep(Part.MACHINES)
        assert cache.has(Part.MACHINES)
        assert not cache.has(Part.ALL)


def _is_locked(cache: MachineCode) -> bool:
    lock = cache.lock()
    if lock is not None:
        lock.close()
    return lock is None


class TestProcess:
    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ("import sys; sys.exit('no room on the disk')", "ended with code 1: no room on the di"),
            ("print('making')", "ended with code 0: making"),
            ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL: it said nothing"),
        ],
        ids=["by a mistake", "without having made anything", "out of memory"],
    )
    def test_when_it_fails_the_domain_goes_on_planning(
        self,
        script: str,
        words: str,
        cache: MachineCode,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        used: list[Part] = []
        behind = Kernel(cache, used.append, _command(script))
        monkeypatch.setattr(kernel, "_kernel", behind)
        kernel.warm_up_behind()
        _ended(behind)
        (error,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
        assert words in error.getMessage()
        assert used == []
        first = first_plan(PLAIN)
        assert not isinstance(first, Infeasible)
        assert first.arrays is None
        assert not _is_locked(cache)

    def test_what_it_says_is_in_the_log(
        self, cache: MachineCode, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        behind = Kernel(cache, lambda _: None, _command(OF_TWO_PARTS, cache.folder))
        for part in Part:
            (cache.folder / f"make {part}").touch()
        behind.warm_up_behind()
        _ended(behind)
        assert {"made machines", "made all"} <= set(caplog.messages)

    def test_there_is_one_per_machine(self, cache: MachineCode, tmp_path: Path) -> None:
        command = _command(FOR_EVER, tmp_path / "pid")
        with Compiler(cache, command) as one, Compiler(cache, command) as other:
            one.see_to(Part.MACHINES)
            other.see_to(Part.MACHINES)
            assert one._process is not None
            assert other._process is None

    def test_what_another_one_has_just_made_is_not_made_again(self, cache: MachineCode) -> None:
        with Compiler(cache, ("/no such program",)) as compiler:
            cache.keep(Part.MACHINES)
            compiler.see_to(Part.MACHINES)
            assert compiler._process is None

    @pytest.mark.kill
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_it_ends_with_the_service(
        self, cache: MachineCode, tmp_path: Path, number: signal.Signals
    ) -> None:
        told = tmp_path / "pid"
        service = subprocess.Popen(
            [sys.executable, "-c", SERVICE, str(cache.folder), FOR_EVER, str(told)]
        )
        try:
            _until(lambda: told.exists() and told.read_text() != "", "the process")
            pid = int(told.read_text())
            assert psutil.Process(pid).nice() == 19
            assert not _gone(pid)
        finally:
            service.send_signal(number)
            service.wait(60)
        _until(lambda: _gone(pid), "the process's end")


def test_the_command_tells_how_far_it_is_and_does_nothing_twice(tmp_path: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}

    def lines() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND],
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        return done.stdout.splitlines()

    assert lines() == [
        "compiling the planner, part 1 of 2 ...",
        "compiled the planner, part 1 of 2, in 0 s",
        "compiling the planner, part 2 of 2 ...",
        "compiled the planner, part 2 of 2, in 0 s",
    ]
    assert lines() == [
        "the planner, part 1 of 2, is compiled already",
        "the planner, part 2 of 2, is compiled already",
    ]


class TestPruning:
    def test_versions_that_nobody_uses_go_and_nothing_else(
        self, cache: MachineCode, tmp_path: Path
    ) -> None:
        old_s = time.time() - KEPT_S - 3_600
        outside = tmp_path / "outside"
        kept = [cache.folder, tmp_path / "search-of-mine", tmp_path / "other", outside]
        old = [tmp_path / f"search-{number:016x}" for number in (1, 2)]
        used = tmp_path / f"search-{3:016x}"
        for folder in (*kept, *old, used):
            (folder / "part").mkdir(parents=True)
            (folder / "part" / "code").touch()
        (old[0] / "link").symlink_to(outside)
        for path in list(tmp_path.rglob("*")):
            os.utime(path, (old_s, old_s), follow_symlinks=False)
        (tmp_path / f"search-{4:016x}").symlink_to(outside)
        os.utime(tmp_path / f"search-{4:016x}", (old_s, old_s), follow_symlinks=False)
        os.utime(used / "part" / "code")
        cache.prune()
        assert not any(folder.exists() for folder in old)
        assert all((folder / "part" / "code").exists() for folder in (*kept, used))
        assert (tmp_path / f"search-{4:016x}").is_symlink()

    def test_loading_counts_as_use(self, cache: MachineCode, tmp_path: Path) -> None:
        Kernel(cache, lambda _: None).warm_up()
        old_s = time.time() - KEPT_S - 3_600
        for path in (*cache.folder.rglob("*"), cache.folder):
            os.utime(path, (old_s, old_s))
        other = MachineCode(tmp_path / "search-fedcba9876543210")
        Kernel(cache, lambda _: None).warm_up()
        other.prune()
        assert cache.has(Part.ALL)
