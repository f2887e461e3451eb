"""The fixtures of the Komax replay's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from komax_logs import REFERENCE, LogWriter


@pytest.fixture(scope="session")
def reference() -> Path:
    """The reference logs; a user's checkout does not have them."""
    if not (REFERENCE / "truth.csv").is_file():
        pytest.skip("the reference data (../shared/data/komax565) is not beside the checkout")
    return REFERENCE


@pytest.fixture
def log(tmp_path: Path) -> LogWriter:
    """A day folder to write logs into."""
    return LogWriter(tmp_path / "2025-02-03")
