"""Free ports on the loopback interface, remembered in the data directory."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from runtime.secrets import replace_private

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now.

    The system gives it to nobody else for a minute: a connection to it has just ended (TIME_WAIT).
    A server can listen on it meanwhile, as all of them set SO_REUSEADDR.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, 0))
        probe.listen(1)
        address = probe.getsockname()
        with socket.create_connection(address):
            accepted, _ = probe.accept()
            accepted.close()  # the end that closes first is the one that waits
        return int(address[1])


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


class PortBook:
    """Which backend has which port: the same at the next start, unless somebody took it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def port_of(self, name: str) -> int:
        """The backend's port. A remembered one that is taken is replaced by a free one."""
        ports = self._read()
        port = ports.get(name)
        if port is None or not is_free(port):
            port = free_port()
            while port in ports.values():
                port = free_port()
            ports[name] = port
            replace_private(self._path, json.dumps(ports))
        return port

    def _read(self) -> dict[str, int]:
        try:
            return dict(json.loads(self._path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            return {}
