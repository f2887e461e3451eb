"""`python -m benchmarks.telemetry`: see the package's docstring, and `--help`."""

from __future__ import annotations

import sys

from benchmarks.telemetry.command import main

if __name__ == "__main__":
    sys.exit(main())
