"""Programs that the supervisor starts: what to run, as whom, and how it is stopped."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_WARD = Path(__file__).with_name("ward.py")
_NOBODY = -1


@dataclass(frozen=True, kw_only=True)
class Identity:
    """An unprivileged user that a program of root's runs as."""

    uid: int
    gid: int
    name: str
    capability: int | None = None
    """The one capability it keeps: reaching files below folders of mode 0700. None: not needed."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A process to start. The environment is complete: nothing is inherited."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    """May hold addresses with passwords: not for showing."""
    cwd: Path
    identity: Identity | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends it when the supervisor dies."""

    def warded(self) -> list[str]:
        """The command line that starts it as a ward of the calling process.

        To be started from the main thread: the kernel means the parent *thread* by "parent".
        """
        who = self.identity
        capability = None if who is None else who.capability
        return [
            sys.executable,
            "-I",
            "-S",
            str(_WARD),
            str(os.getpid()),
            str(int(self.orphan_signal)),
            str(_NOBODY if who is None else who.uid),
            str(_NOBODY if who is None else who.gid),
            str(_NOBODY if capability is None else capability),
            "--",
            *self.argv,
        ]


def plain_environment(home: Path) -> dict[str, str]:
    """The environment of a backend: no settings, no secrets, no locale surprises."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "HOME": str(home), "LC_ALL": "C", "TZ": "UTC"}
