"""Two PostgreSQL servers: a primary, and a standby that has what the primary has committed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

from launch.backends.postgres import binaries
from launch.identity import backend_identity, own
from launch.ports import free_port
from launch.programs import Program, plain_environment

_WITHIN_S: Final = 60.0
SETTINGS: Final = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 64MB
fsync = off
wal_level = replica
max_wal_senders = 4
hot_standby = on
synchronous_commit = on
synchronous_standby_names = '{standbys}'
primary_conninfo = '{primary}'
"""


class Node:
    """One server in a folder; trusts whoever comes over loopback."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._data = folder / "data"
        self._folder = folder
        self._bin = binaries()
        folder.mkdir(parents=True)
        self._identity = backend_identity(folder, self._bin / "postgres")
        own(folder, self._identity)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """An empty cluster."""
        self._run("initdb", f"--pgdata={self._data}", "--username=postgres", "--auth=trust",
                  "--encoding=UTF8", "--locale=C", "--no-sync")  # fmt: skip

    def copy(self, primary: Node) -> None:
        """A copy of a running server, that will follow it."""
        self._run("pg_basebackup", f"--pgdata={self._data}", f"--dbname={primary.url}",
                  "--checkpoint=fast", "--no-sync")  # fmt: skip
        (self._data / "standby.signal").touch()
        own(self._data / "standby.signal", self._identity)

    def start(self, *, primary: Node | None = None, standby: str = "") -> None:
        """Start, following a primary, or as a primary whose commits wait for a standby."""
        conninfo = ""
        if primary is not None:
            conninfo = f"host=127.0.0.1 port={primary.port} user=postgres application_name=second"
        configuration = self._data / "postgresql.conf"
        configuration.write_text(
            SETTINGS.format(standbys=standby, primary=conninfo) + f"port = {self.port}\n"
        )
        own(configuration, self._identity)
        self.process = self._popen("postgres", "-D", str(self._data))
        self.wait_for("SELECT 1")

    def wait_for(self, query: str) -> None:
        """Wait until the query answers something true."""
        deadline = time.monotonic() + _WITHIN_S
        while not self._is(query):
            assert time.monotonic() < deadline, (self._folder / "log").read_text()[-2_000:]
            time.sleep(0.05)

    def execute(self, query: str) -> None:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(query.encode())

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            # Its children too, at once: as a machine that has lost its power.
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(_WITHIN_S)

    def _is(self, query: str) -> bool:
        try:
            with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
                row = connection.execute(query.encode()).fetchone()
        except psycopg.Error:
            return False
        return row is not None and bool(row[0])

    def _run(self, program: str, *arguments: str) -> None:
        assert self._popen(program, *arguments).wait(_WITHIN_S) == 0, self._log()

    def _popen(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        ward = Program(
            name=program,
            argv=(str(self._bin / program), *arguments),
            environment=plain_environment(self._folder),
            cwd=Path("/"),
            identity=self._identity,
        ).warded()
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(ward, env=os.environ, cwd="/", stdout=log, stderr=log)

    def _log(self) -> str:
        return (self._folder / "log").read_text(errors="replace")[-2_000:]


@contextmanager
def primary_and_standby(folder: Path) -> Iterator[tuple[Node, Node]]:
    """Both, running; a commit on the primary waits until the standby has it."""
    first, second = Node(folder / "first"), Node(folder / "second")
    try:
        first.make()
        first.start()
        second.copy(first)
        second.start(primary=first)
        first.execute("ALTER SYSTEM SET synchronous_standby_names = 'second'")
        first.execute("SELECT pg_reload_conf()")
        first.wait_for(
            "SELECT count(*) = 1 FROM pg_stat_replication"
            " WHERE application_name = 'second' AND sync_state = 'sync'"
        )
        yield first, second
    finally:
        for node in (first, second):
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)
