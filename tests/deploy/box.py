"""A program in a box: what a container's runtime does for it, as far as a test needs it.

`box.py hold` makes a network of its own (loopback only), says so, and keeps it until its standard
input ends. `box.py run PLAN` becomes the program of a plan (JSON) in the network of a holder: with
a root of its own in which folders and files stand as the plan says, as the plan's user, without any
capability, and with no way to gain one. Needs root. Nothing outside is changed.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any, Final

_CLONE_NEWNS: Final = 0x0002_0000
_CLONE_NEWNET: Final = 0x4000_0000
_MS_RDONLY: Final = 0x1
_MS_REMOUNT: Final = 0x20
_MS_BIND: Final = 0x1000
_MS_REC: Final = 0x4000
_MS_PRIVATE: Final = 0x4_0000
_PR_SET_NO_NEW_PRIVS: Final = 38
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 0x1
_TOP: Final = Path("/")

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave namespaces that are shared with others."""
    _checked(_libc.unshare(flags), "unshare")


def enter_network(pid: int) -> None:
    """Move this thread into the network of a process."""
    descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        _checked(_libc.setns(descriptor, _CLONE_NEWNET), "setns")
    finally:
        os.close(descriptor)


def _mount(
    source: Path | str, target: Path, kind: str | None, flags: int, options: str = ""
) -> None:
    result = _libc.mount(
        str(source).encode(),
        str(target).encode(),
        None if kind is None else kind.encode(),
        flags,
        options.encode(),
    )
    _checked(result, f"mount {source} on {target}")


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh14x", b"lo", 0)
        answer = fcntl.ioctl(probe, _SIOCGIFFLAGS, request)
        (flags,) = struct.unpack_from("h", answer, 16)
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def hold() -> None:
    """Hold a network of one's own."""
    unshare(_CLONE_NEWNET)
    _loopback_up()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


class _Root:
    """A root in which the machine's files stand where they are, but for what is put elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: set[Path] = set()
        _mount("tmpfs", folder, "tmpfs", 0, "mode=0755")

    def _inside(self, path: Path) -> Path:
        return self._folder / path.relative_to("/")

    def open_up(self, path: Path) -> None:
        """Make the folder one of the root's own, with everything in it that the machine's has."""
        if path in self._made:
            return
        if path != _TOP:
            self.open_up(path.parent)
        self._made.add(path)
        place = self._inside(path)
        if path != _TOP and place.is_dir():
            # Its parent has brought it along as a whole: put a folder of ours over it.
            _mount("tmpfs", place, "tmpfs", 0, "mode=0755")
        place.mkdir(mode=0o755, exist_ok=True)
        if path.is_dir():
            for entry in sorted(path.iterdir()):
                self._bring(entry)

    def _bring(self, entry: Path) -> None:
        place = self._inside(entry)
        if entry.is_symlink():
            place.symlink_to(entry.readlink())
        elif entry.is_dir():
            place.mkdir(0o755)
            _mount(entry, place, None, _MS_BIND | _MS_REC)
        elif entry.is_file():
            place.touch()
            _mount(entry, place, None, _MS_BIND)

    def put(self, source: Path, target: Path, *, read_only: bool) -> None:
        """Let a file or folder of the machine stand at a place of the root."""
        self.open_up(target.parent)
        place = self._inside(target)
        if source.is_dir():
            place.mkdir(mode=0o755, exist_ok=True)
        elif not place.exists():
            place.touch()
        _mount(source, place, None, _MS_BIND)
        if read_only:
            _mount(source, place, None, _MS_BIND | _MS_REMOUNT | _MS_RDONLY)

    def empty(self, target: Path, mode: int) -> None:
        """A new, empty folder in memory at a place of the root."""
        # As on the machine itself: /var/run is another name of /run.
        target = target.parent.resolve() / target.name
        self.open_up(target.parent)
        place = self._inside(target)
        place.mkdir(mode=0o755, exist_ok=True)
        _mount("tmpfs", place, "tmpfs", 0, f"mode={mode:04o}")
        # What was opened up below it is hidden now.
        self._made = {path for path in self._made if not path.is_relative_to(target)} | {target}

    def enter(self) -> None:
        """Make it the root of this process."""
        os.chroot(self._folder)


def run(plan: dict[str, Any]) -> None:
    """Become the program of a plan: see `boxes.Machine.start`, which writes them."""
    enter_network(plan["network"])
    unshare(_CLONE_NEWNS)
    _mount("none", _TOP, None, _MS_REC | _MS_PRIVATE)
    root = _Root(Path(plan["root"]))
    for path in plan["passable"]:
        root.open_up(Path(path))
    for path in plan["hidden"]:
        root.empty(Path(path), 0o755)
    for path in plan["tmpfs"]:
        root.empty(Path(path), 0o1777)
    for mount in plan["mounts"]:
        root.put(Path(mount["source"]), Path(mount["target"]), read_only=mount["read_only"])
    root.enter()
    os.chdir(plan["directory"])
    os.setgroups([])
    os.setgid(plan["gid"])
    os.setuid(plan["uid"])
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    os.execvpe(plan["command"][0], plan["command"], plan["environment"])  # noqa: S606 - no shell


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        hold()
    else:
        run(json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
