"""Asking a search that runs in another thread to end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stop:
    """A wish that a search ends soon; it keeps what it has found. Safe to use from any thread."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._calls: list[Callable[[], None]] = []

    @property
    def asked(self) -> bool:
        """Whether somebody asked."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask. To ask again reaches a solver that was just about to begin the first time."""
        self._asked.set()
        with self._lock:
            for call in self._calls:
                call()

    @contextmanager
    def reaching(self, call: Callable[[], None]) -> Iterator[None]:
        """Have `call` called, from another thread, whenever somebody asks meanwhile."""
        with self._lock:
            self._calls.append(call)
        try:
            yield
        finally:
            with self._lock:
                self._calls.remove(call)
