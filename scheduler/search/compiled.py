"""Numba with types: the one module that knows the compiler.

Compiled functions release the GIL and know no exceptions: indices are right or the search is wrong.
They do not count references either (their arrays outlive the call, and counting made them 20 times
slower), so they must not make arrays; `allocating` is for those that have to.

Machine code is cached on disk. Numba renews it when a function's own file has changed, not when one
that it calls has, so the cache's folder is named after the content of all of this package.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, ParamSpec, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Random = NDArray[np.uint64]
"""The state of a random number generator: one number, never 0."""


def _cache_folder() -> Path:
    """Where this version's machine code is kept: in the first place that can be written to.

    `NUMBA_CACHE_DIR` says where, if set; else it is the user's cache, or the machine's temporary
    files. What an image brings along (`GEMBA_COMPILED_DIR`) is copied there first: numba wants to
    write where it reads.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    name = f"search-{digest.hexdigest()[:16]}"
    said, cache = os.environ.get("NUMBA_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    home = os.environ.get("HOME") or os.environ.get("LOCALAPPDATA")
    roots = [Path(said)] if said else []
    if cache or home:
        roots.append(Path(cache or f"{home}/.cache") / "gemba")
    own = Path(tempfile.gettempdir()) / f"gemba-compiled-{_user()}"
    root = next((each for each in roots if _writable(each)), None)
    if root is None:
        # Machine code that somebody else has put there would be run.
        taken = own.exists() and own.stat().st_uid != _user()
        root = Path(tempfile.mkdtemp(prefix="gemba-")) if taken or not _writable(own) else own
    folder = root / name
    brought = os.environ.get("GEMBA_COMPILED_DIR")
    if brought and not folder.exists() and (Path(brought) / name).is_dir():
        with contextlib.suppress(OSError):  # then it is compiled here
            shutil.copytree(Path(brought) / name, folder, dirs_exist_ok=True)
    return folder


def _user() -> int:
    """This process's user, as a file's owner is told; 0 where there is no such thing."""
    return os.getuid() if hasattr(os, "getuid") else 0


def _writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made if it is missing."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


CACHE_FOLDER: Final = _cache_folder()
numba.config.CACHE_DIR = str(CACHE_FOLDER)


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a function of arrays and numbers when it is first called."""
    made = numba.njit(nogil=True, cache=True, _nrt=False)(function)
    return cast("Callable[Parameters, Result]", made)


def inlined(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The same for a small function that is called often: a tuple of arrays is long to pass on."""
    made = numba.njit(nogil=True, cache=True, _nrt=False, forceinline=True)(function)
    return cast("Callable[Parameters, Result]", made)


def allocating(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The same for a function that makes arrays."""
    made = numba.njit(nogil=True, cache=True)(function)
    return cast("Callable[Parameters, Result]", made)


def seeded(seed: int) -> Random:
    """A generator; neighbouring seeds begin far apart (the mixer of SplitMix64, Steele 2014)."""
    mask = (1 << 64) - 1
    mixed = (seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & mask
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & mask
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & mask
    return np.array([(mixed ^ (mixed >> 31)) or 1], dtype=np.uint64)


@inlined
def draw(random: Random, below: int) -> int:
    """A whole number from 0 to `below - 1` (xorshift64, Marsaglia 2003)."""
    x = random[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    random[0] = x
    return np.int64((x >> np.uint64(20)) % np.uint64(below))  # type: ignore[return-value]  # int() would leave it unsigned
