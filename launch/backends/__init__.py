"""The embedded backends: PostgreSQL, Valkey, an MQTT broker. Loopback only, with passwords."""

from __future__ import annotations

from typing import Protocol

from launch.programs import Program


class BackendError(Exception):
    """A backend cannot be prepared; the message says what is missing and what to do."""


class Backend(Protocol):
    """A server of the embedded installation. The caller runs its programs."""

    @property
    def name(self) -> str:
        """Its name in logs and lists."""
        ...

    @property
    def url(self) -> str:
        """Its address with credentials, for the services."""
        ...

    def setup_program(self) -> Program | None:
        """What must run to its end before the first start, or None."""
        ...

    def program(self) -> Program:
        """The server, after writing its configuration. Called before every start."""
        ...

    async def check(self) -> None:
        """Ask the server for a sign of life, and finish what only a running one can do.

        Raises:
            Exception: it does not answer (yet); the message says how.
        """
        ...
