"""Whom the backends run as when the supervisor is root (PostgreSQL refuses to be root)."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path

from launch.programs import Identity

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
_CANDIDATES = ("postgres", "nobody")


class IdentityError(Exception):
    """There is no unprivileged user that could run the backends."""


def backend_identity(*paths: Path) -> Identity | None:
    """The user for backends that must reach `paths`; None when we are not root ourselves.

    Where a folder above the paths shuts others out (`/root` is 0700), the backend keeps one
    capability that lets it pass, instead of us opening folders that are not ours.

    Raises:
        IdentityError: no such user exists, or it cannot be let through.
    """
    if os.geteuid() != 0:
        return None
    entry = _unprivileged_entry()
    uid, gid = entry.pw_uid, entry.pw_gid
    capability = None
    if not all(_can_reach(path, uid, gid) for path in paths):
        capability = _passing_capability()
        if capability is None:
            shut = next(path for path in paths if not _can_reach(path, uid, gid))
            raise IdentityError(
                f"user {entry.pw_name!r} cannot reach {shut}, and this container's root may not "
                "pass that on; put GEMBA_DATA_DIR and the checkout where others may pass (0755)"
            )
    return Identity(uid=uid, gid=gid, name=entry.pw_name, capability=capability)


def own(path: Path, identity: Identity | None) -> None:
    """Hand a file or folder of ours to the backends' user."""
    if identity is not None:
        os.chown(path, identity.uid, identity.gid)


def _unprivileged_entry() -> pwd.struct_passwd:
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return entry
    raise IdentityError(
        f"PostgreSQL does not run as root, and none of the users {', '.join(_CANDIDATES)} exists; "
        "start gemba as an ordinary user"
    )


def _can_reach(path: Path, uid: int, gid: int) -> bool:
    """Whether the user may pass every folder above the path, by its mode bits."""
    return all(_may_search(folder, uid, gid) for folder in _parents(path))


def _parents(path: Path) -> Iterable[Path]:
    # Both the way as written and the way it resolves to: links may lead through shut folders.
    written = Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve would follow the links
    return {*written.parents, *path.resolve().parents}


def _may_search(folder: Path, uid: int, gid: int) -> bool:
    status = folder.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _passing_capability() -> int | None:
    """The weakest capability of ours that passes shut folders; None when we have none."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    sets = dict(line.split(":\t", 1) for line in status.splitlines() if line.startswith("Cap"))
    mine = int(sets["CapPrm"], 16) & int(sets["CapBnd"], 16)
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if mine >> capability & 1:
            return capability
    return None
