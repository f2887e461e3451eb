"""Notify in a process of its own, as the supervisor runs it, and killed as nobody should be."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TIMEOUT_S = 15.0
"""How long a receiver has; what was under way when it was killed is sent again after 35 s."""
_MAIN = """
from notify import service
from runtime.logging import configure_logging
from runtime.settings import NotifySettings

configure_logging("notify")
service.run(NotifySettings())
"""


@dataclass
class NotifyProcess:
    """The process; `folder` is the installation's, with its key, `more` further variables."""

    database_url: str
    redis_url: str
    folder: Path
    log_file: Path
    more: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin, again if it was killed."""
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GEMBA_DATABASE_URL": self.database_url,
            "GEMBA_REDIS_URL": self.redis_url,
            "GEMBA_DATA_DIR": str(self.folder),
            "GEMBA_WEBHOOKS_TO_PRIVATE_ADDRESSES": "true",
            "GEMBA_WEBHOOK_TIMEOUT_S": str(TIMEOUT_S),
            **self.more,
        }
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _MAIN], env=environment, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """-9, whatever it does just now."""
        assert self.process is not None
        assert self.process.poll() is None, self.log_file.read_text(encoding="utf-8")[-3000:]
        self.process.kill()
        self.process.wait(60)

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)
