"""`python -m benchmarks.telemetry`: see the package's docstring, and `--help`."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from benchmarks.telemetry.command import main


def _end(number: int, _frame: FrameType | None) -> None:
    """Leave in good order, so that no server stays behind."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main())
