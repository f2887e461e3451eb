"""`gemba up` and `gemba demo` as processes, for tests that kill them and what they started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from launch.ports import free_port

START_S = 120.0
STOP_S = 90.0
"""A supervisor gives services half a minute to end, and then backends."""
SERVED = {"postgres", "valkey", "mqtt", "edge", "streams", "scheduler", "notify", "api"}


def wait_for(condition: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.1)


@dataclass
class UpProcess:
    """One installation on a data directory, started and stopped as often as a test likes."""

    data_dir: Path
    port: int
    command: str = "up"
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> Path:
        return self.data_dir.parent / "output.txt"

    @property
    def environment(self) -> dict[str, str]:
        others = {key: value for key, value in os.environ.items() if not key.startswith("GEMBA_")}
        mine = {"GEMBA_DATA_DIR": str(self.data_dir), "GEMBA_HTTP_PORT": str(self.port)}
        return others | mine | self.settings

    def start(self) -> None:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "launch", self.command],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_running(self, names: set[str] = SERVED) -> None:
        def running() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.output.read_text()
            states = {name: one["state"] for name, one in self.ps().items()}
            return set(states) >= names and set(states.values()) == {"running"}

        wait_for(running, f"{names} running", START_S)

    def gemba(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "launch", *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def ps(self) -> dict[str, Any]:
        """What runs, by name; empty before there is anything."""
        answer = self.gemba("ps", "--json")
        return dict(json.loads(answer.stdout)) if answer.returncode == 0 else {}

    def pids(self) -> dict[str, int]:
        return {name: one["pid"] for name, one in self.ps().items() if one["pid"] is not None}

    def everything(self) -> list[psutil.Process]:
        """The supervisor and all that it started, with theirs."""
        assert self.process is not None
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run (not: wait for somebody to ask how they ended)."""

    def runs(process: psutil.Process) -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return [process for process in processes if runs(process)]


@contextmanager
def up_process(
    data_dir: Path, command: str = "up", settings: dict[str, str] | None = None
) -> Iterator[UpProcess]:
    """A started installation; whatever the test does to it, nothing of it remains."""
    up = UpProcess(data_dir=data_dir, port=free_port(), command=command, settings=settings or {})
    up.start()
    try:
        yield up
    finally:
        up.stop()
