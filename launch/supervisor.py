"""The supervisor: one process that starts an installation's backends and services and keeps them.

Everything runs on one event loop in the main thread, because a child's parent is, to the kernel,
the thread that started it (`launch.programs`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import psycopg
from redis.asyncio import Redis

from launch import leftovers
from launch.backends.choice import choose_backends
from launch.child import Child, Plan
from launch.installation import (
    Addresses,
    Installation,
    ProcessStatus,
    forget_installation,
    hold,
    run_dir,
    write_installation,
)
from launch.ports import is_free
from launch.programs import Program
from launch.services import SIMULATOR, expected_services, service_program
from launch.vitals import Vitals
from runtime import tasks
from runtime.health import Health
from runtime.logging import without_credentials
from runtime.secrets import installation_key
from runtime.settings import Installation as Settings
from store.migrate import migrate

_log = logging.getLogger(__name__)

# A process that is ending writes down what it has in hand: a gateway its outbox, PostgreSQL a
# checkpoint. Under load that takes longer than in peace, so it is given time before it is killed.
# Services first, then backends: together less than the 90 s after which systemd kills the
# supervisor itself (DefaultTimeoutStopSec), and all else with it. Who cannot wait tells it twice.
STOP_WITHIN_S = 30.0
_MIGRATE_RETRY_S = 2.0
_WRITE_PAUSE_S = 0.1
_PORTS_TRIED = 100


class SupervisorError(Exception):
    """The installation cannot be brought up; the message says what to do."""


class Supervisor:
    """An installation in this process's care; everything happens inside `running()`."""

    def __init__(self, settings: Settings) -> None:
        self.data_dir = settings.data_dir.resolve()
        self.http_port = settings.http_port
        self.phase = "starting"
        """What it is doing, for people."""
        self._settings = settings
        self._started_at_ms = time.time_ns() // 1_000_000
        self._backends: list[Child] = []
        self._services: list[Child] = []
        self._keeping: list[asyncio.Task[None]] = []
        self._addresses: Addresses | None = None
        self._vitals: Vitals | None = None
        self._changed = asyncio.Event()

    @property
    def addresses(self) -> Addresses:
        """Where things are, once the backends have been chosen.

        Raises:
            SupervisorError: they have not.
        """
        if self._addresses is None:
            raise SupervisorError("the backends have not been chosen yet")
        return self._addresses

    @property
    def statuses(self) -> list[ProcessStatus]:
        """All processes, in the order of their start."""
        return [child.status for child in (*self._backends, *self._services)]

    def health_of(self, name: str) -> Health | None:
        """What the living process of a service last said of itself."""
        return None if self._vitals is None else self._vitals.last_word_of(name)

    @asynccontextmanager
    async def running(self, *, any_port: bool = False) -> AsyncIterator[None]:
        """Hold the data directory and the port; end every process when the context is left.

        Args:
            any_port: take the next free port when the configured one is taken.

        Raises:
            launch.installation.InstallationError: somebody else holds the data directory.
            SupervisorError: the port is taken.
        """
        self.data_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
        with hold(self.data_dir):
            folder = run_dir(self.data_dir)
            ended = await asyncio.to_thread(leftovers.end_leftovers, folder)
            if ended:
                _log.warning("ended what an earlier run had left: %s", ", ".join(ended))
            self.http_port = self._free_port(any_port=any_port)
            writing = asyncio.create_task(self._write_changes())
            try:
                yield
            finally:
                self.phase = "stopping"
                await self._stop_all()
                await tasks.end([writing])
                forget_installation(self.data_dir)

    async def start_backends(self) -> None:
        """Start the embedded backends that no URL replaces; wait until they serve; migrate.

        Raises:
            launch.backends.BackendError: a program is missing.
            launch.identity.IdentityError: we are root, and no other user can run them.
            store.migrate.MigrationError: the database is ahead of this program.
        """
        self.phase = "starting the backends"
        choice = await asyncio.to_thread(
            choose_backends, self._settings, self.data_dir, http_port=self.http_port
        )
        self._addresses = choice.addresses
        installation_key(self.data_dir, self._settings.installation_key.get_secret_value())
        for backend in choice.backends:
            plan = Plan(
                name=backend.name,
                program=backend.program,
                setup_program=backend.setup_program,
                check=backend.check,
            )
            self._backends.append(self._keep(plan))
        await self._wait_ready(self._backends)
        self.phase = "migrating the database"
        await self._migrate()
        self._vitals = Vitals(
            Redis.from_url(choice.addresses.redis_url, socket_timeout=2, socket_connect_timeout=2)
        )
        self._keeping.append(asyncio.create_task(self._vitals.watch()))

    async def start_services(self, names: Iterable[str] | None = None) -> None:
        """Start services and wait until each has reported its health (the simulator has none).

        Args:
            names: which; all that an installation on this stream runs when left out.
        """
        self.phase = "starting the services"
        if names is None:
            names = expected_services(self.addresses.stream_url)
        started = [self._keep_service(name) for name in names]
        await self._wait_ready(started)
        self.phase = "running"

    def _keep_service(self, name: str) -> Child:
        vitals = self._vitals
        if vitals is None:
            raise SupervisorError("the backends have not been started yet")

        def program() -> Program:
            return service_program(
                name,
                data_dir=self.data_dir,
                addresses=self.addresses,
                http_host=self._settings.http_host,
                http_port=self.http_port,
            )

        reports = name != SIMULATOR
        check = (lambda: vitals.ask(name)) if reports else None
        child = self._keep(Plan(name=name, program=program, check=check))
        if reports:
            vitals.add(child)
        self._services.append(child)
        return child

    def _keep(self, plan: Plan) -> Child:
        child = Child(
            plan,
            logs=self.data_dir / "logs",
            run_dir=run_dir(self.data_dir),
            changed=self._changed.set,
        )
        self._keeping.append(asyncio.create_task(child.keep(), name=f"keep {plan.name}"))
        return child

    @staticmethod
    async def _wait_ready(children: Sequence[Child]) -> None:
        await asyncio.gather(*(child.ready.wait() for child in children))

    async def _migrate(self) -> None:
        """Migrate; an external database may still be starting, so its silence is waited out."""
        told = ""
        while True:
            try:
                applied = await asyncio.to_thread(migrate, self.addresses.database_url)
            except psycopg.OperationalError as error:
                problem = without_credentials(" ".join(str(error).split()))
                if problem != told:
                    _log.warning("the database does not answer: %s", problem)
                told = problem
                await asyncio.sleep(_MIGRATE_RETRY_S)
            else:
                if applied:
                    _log.info("migrated the database: %s", ", ".join(applied))
                return

    async def _stop_all(self) -> None:
        """End services first, so that they can still reach the backends; then those."""
        self.phase = "stopping the services"
        await asyncio.gather(*(child.stop(STOP_WITHIN_S) for child in reversed(self._services)))
        self.phase = "stopping the backends"
        await asyncio.gather(*(child.stop(STOP_WITHIN_S) for child in reversed(self._backends)))
        # What is left are endless loops without a process.
        await tasks.end([task for task in self._keeping if not task.get_name().startswith("keep ")])
        await asyncio.gather(*self._keeping, return_exceptions=True)
        if self._vitals is not None:
            await self._vitals.close()

    def kill_all(self) -> None:
        """SIGKILL every process: for who is asked a second time to stop."""
        for child in (*self._services, *self._backends):
            child.ask_to_stop()
            child.kill()

    async def _write_changes(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._write()
            await asyncio.sleep(_WRITE_PAUSE_S)

    def _write(self) -> None:
        if self._addresses is None:
            return
        try:
            write_installation(
                self.data_dir,
                Installation(
                    supervisor_pid=os.getpid(),
                    started_at_ms=self._started_at_ms,
                    addresses=self._addresses,
                    processes=self.statuses,
                ),
            )
        except OSError as error:
            # A full disk must not end what it keeps alive.
            _log.warning("cannot write down what runs: %s", error)

    def _free_port(self, *, any_port: bool) -> int:
        host, port = self._settings.http_host, self._settings.http_port
        candidates = range(port, min(port + _PORTS_TRIED, 65_536)) if any_port else (port,)
        for candidate in candidates:
            if is_free(candidate, host):
                return candidate
        raise SupervisorError(
            f"port {port} of {host} is taken by another program; "
            "end that, or set GEMBA_HTTP_PORT to a free port"
        )
