"""The layers of `docs/architecture.md`, proved by import-linter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_imports_point_one_way() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run(
        [str(command), "--no-cache"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
