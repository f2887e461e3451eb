"""Machine code on disk: which parts are there, who may make them, and what nobody uses any more.

Numba compiles what its cache lacks in whatever process asks for it, for minutes. Who cannot wait
asks here first.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import logging
import os
import re
import shutil
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import Final, TextIO

from numba.core.registry import cpu_target

from scheduler.search.compiled import CACHE_FOLDER

logger = logging.getLogger(__name__)

KEPT_S: Final = 30 * 86_400.0
"""A version's code goes when nobody has used it for so long."""
POLL_S: Final = 0.5
"""How often somebody looks who waits for another process."""
_VERSION: Final = re.compile(r"search-[0-9a-f]{16}")


class Part(enum.StrEnum):
    """What is compiled together. The first is used while the next is still being made."""

    MACHINES = "machines"
    """Shops with machines only (`Floor.around` is None)."""
    ALL = "all"
    """Those with people, tools, transport or further objectives."""


class MachineCode:
    """A version's folder in the cache.

    Whoever has made a part leaves a file beside it (`keep`). Its name says what numba looks at as
    well: another processor, Python or time of the sources, and nothing is there.

    Args:
        folder: this version's; versions are beside each other.
    """

    def __init__(self, folder: Path = CACHE_FOLDER) -> None:
        self.folder = folder

    @cached_property
    def _fingerprint(self) -> str:
        """What decides whether numba finds all that the planner calls.

        Numba goes by place, time and size of the compiled sources; the others decide by which types
        they are called.
        """
        target = cpu_target.target_context.codegen().magic_tuple()
        digest = hashlib.sha256(repr((sys.implementation.cache_tag, target)).encode())
        planner = Path(__file__).parent
        for source in sorted((planner / "search").glob("*.py")):
            known = source.stat()
            digest.update(f"{source} {known.st_mtime_ns} {known.st_size}\n".encode())
        for source in sorted(planner.glob("*.py")):
            digest.update(source.read_bytes())
        return digest.hexdigest()[:16]

    def _mark(self, part: Part) -> Path:
        return self.folder / f"{part}-{self._fingerprint}.done"

    def has(self, part: Part) -> bool:
        """Whether a part is there, so that it is loaded in a second or two."""
        return self._mark(part).exists()

    def keep(self, part: Part) -> None:
        """Tell that a part is there and used.

        Raises:
            OSError: that cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._mark(part).touch()

    def lock(self) -> TextIO | None:
        """Be the only one on this machine who compiles, until the answer is closed.

        Returns:
            None if somebody else does. On Windows nobody knows.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as opened:
            file = opened.enter_context((self.folder / "lock").open("w", encoding="utf-8"))
            if sys.platform != "win32":
                import fcntl  # noqa: PLC0415 - not there on Windows

                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return None
            opened.pop_all()
        return file

    def lock_for(self, part: Part) -> TextIO | None:
        """Wait while somebody else makes a part; the lock if it is missing all the same."""
        while not self.has(part):
            if (lock := self.lock()) is not None:
                return lock
            time.sleep(POLL_S)
        return None

    def prune(self) -> None:
        """Remove other versions' code that nobody has used for KEPT_S."""
        for folder in self.folder.parent.glob("search-*"):
            if folder.name == self.folder.name or not _VERSION.fullmatch(folder.name):
                continue
            if folder.is_symlink() or not folder.is_dir():
                continue
            try:
                if time.time() - _used_s(folder) > KEPT_S:
                    shutil.rmtree(folder)
                    logger.info("removed %s: nobody uses that version any more", folder)
            except OSError as error:
                logger.info("%s is old and cannot be removed: %s", folder, error)


def _used_s(folder: Path) -> float:
    """When the newest thing in a folder was made; links count as they are."""
    times = [folder.lstat().st_mtime]
    for path, _, files in os.walk(folder):
        times += [Path(path, file).lstat().st_mtime for file in files]
    return max(times)
