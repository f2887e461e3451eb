"""The ward of a child process: sees to it that the child dies with its parent, then becomes it.

Run as a script by a bare interpreter (`python -I -S ward.py …`), so it uses the standard library
only and starts in a few milliseconds::

    ward.py PARENT SIGNAL UID GID CAPABILITY -- PROGRAM ARGUMENTS…

PARENT   process id of the parent; when it is already gone, the ward ends instead of starting
SIGNAL   what the kernel sends the child when the parent ends, however it ends (Linux)
UID GID  whom to become, or -1
CAPABILITY number of the one capability to keep over that change of user, or -1

The order matters: a change of user clears the signal, so it is asked for afterwards, and only then
is the parent looked for, so that there is no moment in which it could die unnoticed.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 4
_CAPABILITY_VERSION_3 = 0x20080522
_FAILED = 125


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def main(arguments: list[str]) -> None:
    """Become the child. Does not return when all is well."""
    parent, death_signal, uid, gid, capability = (int(text) for text in arguments[:5])
    program = arguments[6:]
    # Its own group: a Ctrl-C on the terminal is the supervisor's to handle, not the children's.
    os.setpgid(0, 0)
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True)
    if uid >= 0:
        _become(libc, uid, gid, capability)
    if linux:
        _call(libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0), "PR_SET_PDEATHSIG")
    if os.getppid() != parent:
        sys.exit(0)
    try:
        os.execvp(program[0], program)  # noqa: S606 - no shell is what is meant
    except OSError as error:
        sys.exit(f"cannot start {program[0]}: {error.strerror}")


def _become(libc: ctypes.CDLL, uid: int, gid: int, capability: int) -> None:
    """Give up root for the user, keeping at most the one capability (also over exec: ambient)."""
    if capability >= 0:
        # The change of user then leaves the capabilities alone; and so does access(2), which else
        # asks as if there were none, and by which initdb looks for its neighbour `postgres`.
        _call(libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "PR_SET_SECUREBITS")
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    except OSError as error:
        sys.exit(f"cannot become user {uid}: {error.strerror}")
    if capability >= 0:
        header = _Header(_CAPABILITY_VERSION_3, 0)
        sets = (_Sets * 2)()
        bit = 1 << (capability % 32)
        sets[capability // 32] = _Sets(bit, bit, bit)
        _call(libc.capset(ctypes.byref(header), ctypes.byref(sets)), "capset")
        _call(
            libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0),
            "PR_CAP_AMBIENT_RAISE",
        )


def _call(result: int, what: str) -> None:
    if result != 0:
        print(f"{what}: {os.strerror(ctypes.get_errno())}", file=sys.stderr)  # noqa: T201
        sys.exit(_FAILED)


if __name__ == "__main__":
    main(sys.argv[1:])
