"""What a backend that is away looks like, and how long to wait before asking it again."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg_pool import PoolTimeout

from store.log import LogAwayError

AWAY: Final = (psycopg.Error, PoolTimeout, OSError, LogAwayError)
"""What a database, or Kafka, that is away, restarting or slow makes its clients raise."""
RETRY_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses between attempts; the last one from then on."""
ANSWER_S: Final = 10.0
"""A database that takes longer to answer is treated as one that is away."""


def pause_s(attempt: int) -> float:
    """How long to wait after the given failed attempt (from 0)."""
    return RETRY_S[min(attempt, len(RETRY_S) - 1)]


def said(error: BaseException) -> str:
    """What an error says, or at least what it is: a timeout says nothing."""
    return str(error).strip() or type(error).__name__
