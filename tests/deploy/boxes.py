"""A machine of the test's own on which the services of docker-compose.yml run, each in its box.

It has a network of its own, with loopback only, where all names of the file mean this machine; and
folders for the file's named volumes and secrets. A service runs with exactly the command and the
environment of the file, as its user, and sees the mounts, secrets and empty folders of the file.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import box
from compose_file import ROOT, ComposeFile, Service, image_environment

from launch.backends.mqtt import mosquitto_binary
from launch.backends.postgres import binaries
from launch.backends.valkey import valkey_binary

PATIENCE_S: Final = 120.0
_STOP_S: Final = 60.0
_CHECK_EVERY_S: Final = 0.5
"""Each check is a process of its own that takes its share of the machine."""
_OURS: Final = 10_001
_USERS: Final = {"gemba": _OURS, "postgres": 70, "redis": 999, "mosquitto": 1883, "kafka": 1000}
_ADMINISTRATOR: Final = 1234
"""Who has the checkout on the machine and runs `docker compose`."""
_VOLUME_OWNERS: Final = {
    "kafka": _USERS["kafka"],
    "database": _USERS["postgres"],
    "broker": _USERS["mosquitto"],
    "broker-files": _USERS["mosquitto"],
    "edge": _OURS,
}
"""A new volume belongs to whom the image gives the folder that it is mounted on."""
_BOX: Final = Path(box.__file__)
_RESULT = TypeVar("_RESULT")


def missing() -> str | None:
    """What is missing for boxes; None when nothing is."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "boxes need Linux and root"
    tried = subprocess.run(
        [sys.executable, str(_BOX), "hold"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if tried.stdout != "ready\n":
        return f"this machine's root may not make namespaces: {tried.stderr.strip()[-200:]}"
    return None


@dataclass
class Box:
    """A running service, or one that has ended."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def text(self) -> str:
        """What it has said."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def ended(self, within_s: float = PATIENCE_S) -> int:
        """Its exit code, when it has ended by itself."""
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{self.name} does not end: {self.text[-2_000:]}") from error

    def stop(self) -> int:
        """Its exit code after SIGTERM."""
        self.process.terminate()
        return self.ended(_STOP_S)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something about it, as long as it lives."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            words = f"{self.name}: not {what}; it says: {self.text[-3_000:]}"
            assert self.process.poll() is None, f"it has ended; {words}"
            assert time.monotonic() < deadline, words
            time.sleep(0.1)


@dataclass
class Machine:
    """Where the services of a file run."""

    folder: Path
    file: ComposeFile
    network: int
    """The process that holds its network."""
    boxes: list[Box] = field(default_factory=list)
    _numbers: int = 0

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    def start(
        self,
        name: str,
        *arguments: str,
        command: Sequence[str] | None = None,
        user: int | None = None,
        mounts: Mapping[str, Path] | None = None,
        told: str | None = None,
    ) -> Box:
        """Start a service of the file.

        Args:
            name: the service.
            arguments: further words for its command, as `docker compose run` takes them.
            command: another command in the same container, as `docker compose exec` takes it; or
                what the image does, where the file says nothing of it.
            user: another user, as `docker compose run --user`.
            mounts: files of the image, by their place in it.
            told: its standard input.
        """
        service = self.file.services[name]
        self._numbers += 1
        number = f"{self._numbers:03}-{name}"
        uid = self._user_of(service) if user is None else user
        root = self.folder / "roots" / number
        root.mkdir(parents=True)
        # A root that can be written has a /tmp of its own.
        emptied = [*service.tmpfs, *([] if service.raw.get("read_only") else ["/tmp"])]  # noqa: S108 - in the box
        plan = {
            "network": self.network,
            "root": str(root),
            "passable": [str(path) for path in _passable()],
            "hidden": ["/run", "/var/lib/gemba", "/mosquitto"],
            "tmpfs": emptied,
            "mounts": [*_kept(emptied), *self._mounts(service, mounts or {})],
            "directory": "/var/lib/gemba" if service.is_ours else "/",
            "uid": uid,
            "gid": uid,
            "command": [*(service.command if command is None else command), *arguments],
            "environment": self._environment(service),
        }
        path = self.folder / f"{number}.json"
        path.write_text(json.dumps(plan), encoding="utf-8")
        log = self.folder / f"{number}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, str(_BOX), "run", str(path)],
                stdin=subprocess.DEVNULL if told is None else subprocess.PIPE,
                stdout=output,
                stderr=output,
            )
        if told is not None and process.stdin is not None:
            with process.stdin as pipe:
                pipe.write(told.encode())
        started = Box(name, process, log)
        self.boxes.append(started)
        return started

    def run(
        self, name: str, *arguments: str, user: int | None = None, told: str | None = None
    ) -> str:
        """Run a service that ends by itself, as `docker compose run`; what it said."""
        ran = self.start(name, *arguments, user=user, told=told)
        assert ran.ended() == 0, ran.text
        return ran.text

    def health(self, name: str) -> tuple[bool, str]:
        """What the service's health check finds, and says."""
        check = self.file.services[name].health_check
        assert check is not None
        asked = self.start(name, command=check)
        return asked.ended() == 0, asked.text.strip()

    def until_healthy(self, running: Box) -> str:
        """Wait until its own health check finds a service healthy; what that says."""
        said: list[tuple[bool, str]] = []

        def healthy() -> bool:
            if said:
                time.sleep(_CHECK_EVERY_S)
            said.append(self.health(running.name))
            return said[-1][0]

        running.until(healthy, "healthy")
        return said[-1][1]

    def inside(self, work: Callable[[], _RESULT]) -> _RESULT:
        """Do something in the machine's network (in a thread of its own)."""
        results: list[_RESULT] = []
        errors: list[BaseException] = []

        def enter_and_work() -> None:
            try:
                box.enter_network(self.network)
                results.append(work())
            except BaseException as error:  # noqa: BLE001 - raised where it was asked for
                errors.append(error)

        thread = threading.Thread(target=enter_and_work)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    def stop_all(self) -> None:
        """End everything that still runs, the latest first."""
        running = [one for one in reversed(self.boxes) if one.process.poll() is None]
        for one in running:
            one.process.terminate()
        for one in running:
            try:
                one.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                one.process.kill()
                one.process.wait()

    def _user_of(self, service: Service) -> int:
        user = str(service.raw.get("user", "gemba" if service.is_ours else service.name))
        first = user.partition(":")[0]
        return int(first) if first.isdigit() else _USERS[first]

    def _environment(self, service: Service) -> dict[str, str]:
        image = image_environment() if service.is_ours else {}
        path = os.pathsep.join((*map(str, _programs()), "/usr/local/bin", "/usr/bin", "/bin"))
        return {**image, "PATH": path, "LANG": "C.UTF-8", **service.environment}

    def _mounts(self, service: Service, more: Mapping[str, Path]) -> list[dict[str, object]]:
        found: list[tuple[Path, str, bool]] = [
            (self.folder / "hosts", "/etc/hosts", True),
            (self.folder / "passwd", "/etc/passwd", True),
        ]
        for mount in service.mounts:
            source = self._volume(mount.source) if mount.is_volume else self._file(mount.source)
            found.append((source, mount.target, mount.read_only))
        if service.is_ours and (ROOT / "realtime_ui" / "dist").is_dir():
            found.append((ROOT / "realtime_ui" / "dist", "/opt/gemba/ui", True))
        for name in service.secrets:
            source = self.secrets / self.file.secret_file(name)
            found.append((source, f"/run/secrets/{name}", True))
        found += [(source, target, True) for target, source in more.items()]
        return [
            {"source": str(source), "target": target, "read_only": read_only}
            for source, target, read_only in found
        ]

    def _volume(self, name: str) -> Path:
        path = self.folder / "volumes" / name
        if not path.exists():
            path.mkdir(parents=True)
            path.chmod(0o755)
            os.chown(path, _VOLUME_OWNERS[name], _VOLUME_OWNERS[name])
        return path

    def _file(self, name: str) -> Path:
        return self.secrets if name == "./deploy/secrets" else ROOT / name


@contextmanager
def machine(folder: Path, file: ComposeFile) -> Iterator[Machine]:
    """A machine with secrets in it, made by the file's own command; everything ends with it."""
    folder.chmod(0o755)
    names = " ".join(("localhost", socket.gethostname(), *file.services))
    (folder / "hosts").write_text(f"127.0.0.1 {names}\n", encoding="ascii")
    (folder / "passwd").write_text(
        "".join(f"{name}:x:{uid}:{uid}::/:/bin/sh\n" for name, uid in _USERS.items()),
        encoding="ascii",
    )
    (folder / "secrets").mkdir()
    os.chown(folder / "secrets", _ADMINISTRATOR, _ADMINISTRATOR)
    holder = subprocess.Popen(
        [sys.executable, str(_BOX), "hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"ready\n"
            made = Machine(folder, file, holder.pid)
            try:
                made.run("secrets", "--host", "broker.plant.example", user=_ADMINISTRATOR)
                yield made
            finally:
                made.stop_all()
        finally:
            holder.kill()


def _passable() -> list[Path]:
    """Folders that every user of a box has to be able to reach: our checkout, and Python."""
    folders = [ROOT, Path(sys.prefix), Path(sys.base_prefix), binaries()]
    return sorted({parent for path in folders for parent in path.resolve().parents})


def _kept(emptied: Sequence[str]) -> list[dict[str, object]]:
    """What of ours stands below a folder that is emptied, and is needed all the same."""
    ours = {ROOT, Path(sys.prefix), Path(sys.base_prefix).resolve(), binaries()}
    return [
        {"source": str(path), "target": str(path), "read_only": True}
        for path in sorted(ours)
        if any(path.is_relative_to(folder) for folder in emptied)
    ]


def _programs() -> list[Path]:
    """Where the images' programs are on this machine."""
    mosquitto = mosquitto_binary()
    found = [Path(sys.executable).parent, binaries(), valkey_binary().parent]
    return found if mosquitto is None else [*found, mosquitto.parent]
