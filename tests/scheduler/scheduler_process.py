"""A scheduler in a process of its own, as the supervisor runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

_MAIN = """
from pathlib import Path
import os
import time

from runtime.logging import configure_logging
from runtime.settings import SchedulerSettings
from scheduler import scope, service

configure_logging("scheduler")
solve = scope.first_plan


def noticed(problem):
    solving = Path(os.environ["SOLVING"])
    solving.touch()
    while solving.with_name("hold").exists():
        time.sleep(0.02)
    return solve(problem)


scope.first_plan = noticed
service.run(SchedulerSettings())
"""
_STOP_S = 120
_CACHES = ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR")
"""Where this process has its machine code: to make it anew takes minutes on a busy machine."""


@dataclass
class SchedulerProcess:
    """The process; `solving` is a file that appears when it begins to solve.

    While there is a file `hold`, it does not get any further.
    """

    database_url: str
    redis_url: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    solving: Path = field(init=False)

    hold: Path = field(init=False)

    def __post_init__(self) -> None:
        self.solving = self.folder / "solving"
        self.hold = self.folder / "hold"

    @property
    def log(self) -> str:
        return (self.folder / "scheduler.log").read_text(encoding="utf-8")

    def start(self) -> None:
        self.solving.unlink(missing_ok=True)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GEMBA_DATABASE_URL": self.database_url,
            "GEMBA_REDIS_URL": self.redis_url,
            "GEMBA_DATA_DIR": str(self.folder),
            "SOLVING": str(self.solving),
        } | {name: os.environ[name] for name in _CACHES if name in os.environ}
        with (self.folder / "scheduler.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _MAIN], env=environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """SIGKILL: no farewell."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_S)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
