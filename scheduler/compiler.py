"""The process that compiles, as seen by the service that lacks machine code.

Compiling holds the interpreter for minutes and takes near to a gigabyte: in a process of its own,
at the lowest priority, it does neither to those who answer meanwhile.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self, TextIO

from scheduler.machine_code import MachineCode, Part

logger = logging.getLogger(__name__)

COMMAND: Final = (sys.executable, "-P", "-m", "scheduler.compiling", "--behind")
_LAST_LINES: Final = 5
_END_S: Final = 5.0


class CompilingError(RuntimeError):
    """The process has ended, and something is still missing."""


class Compiler:
    """At most one such process, started when it is needed, and ended with the `with` block.

    It reads standard input, which ends with this process, whatever becomes of it: then it ends,
    too. What it says goes to the log.

    Args:
        cache: where code is kept.
        command: what is run.
    """

    def __init__(self, cache: MachineCode, command: Sequence[str] = COMMAND) -> None:
        self._cache = cache
        self._command = command
        self._lock: TextIO | None = None
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._said: deque[str] = deque(maxlen=_LAST_LINES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._end(self._process)
        if self._lock is not None:
            self._lock.close()

    def see_to(self, part: Part) -> None:
        """Have a part made, unless another process of this machine is at it; does not wait.

        Raises:
            CompilingError: it could not be made. Nobody tries again before the next start.
            OSError: the process cannot be started, or nothing be written to the cache.
        """
        if self._process is not None:
            code = self._process.poll()
            if code is not None and not self._cache.has(part):
                raise CompilingError(self._ending(code))
            return
        if self._lock is None:
            self._lock = self._cache.lock()
        # Whoever had the lock before may have made it.
        if self._lock is not None and not self._cache.has(part):
            self._process = self._start()
            self._reader = threading.Thread(
                target=self._read, args=(self._process,), name="compiler's words", daemon=True
            )
            self._reader.start()

    def _start(self) -> subprocess.Popen[str]:
        logger.info("this version's machine code is made by another process, once")
        modules = os.pathsep.join(each or os.getcwd() for each in sys.path)  # noqa: PTH109 - "" is that
        places = {"NUMBA_CACHE_DIR": str(self._cache.folder.parent), "PYTHONPATH": modules}
        return subprocess.Popen(  # noqa: S603 - our own list, no shell
            self._command,
            env=os.environ | places,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            if words := line.rstrip():
                self._said.append(words)
                logger.info("%s", words)

    def _ending(self, code: int) -> str:
        if self._reader is not None:
            self._reader.join(_END_S)  # it may not have read the last words yet
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return f"{how}: {' | '.join(self._said) or 'it said nothing'}"

    def _end(self, process: subprocess.Popen[str]) -> None:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._reader is not None:
            self._reader.join(_END_S)
        if process.stdout is not None:
            process.stdout.close()
