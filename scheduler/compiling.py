"""Makes the planner's machine code: `python -m scheduler.compiling`.

Once per version and machine, for minutes: by an image's build, before the tests, and by services
that lack it (`scheduler.compiler`).
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Final

_LEAST_PRIORITY: Final = 19


def main(arguments: Sequence[str] | None = None) -> None:
    """Compile as the options say, and tell how it goes."""
    parser = argparse.ArgumentParser(prog="python -m scheduler.compiling", description=__doc__)
    parser.add_argument("--all", action="store_true", help="the search of `gemba solve` as well")
    parser.add_argument(
        "--behind",
        action="store_true",
        help="at the lowest priority, until standard input ends; the starter has the cache's lock",
    )
    options = parser.parse_args(arguments)
    if options.behind:
        stand_behind()
    # Only now: loading the compiler takes a second, and is nobody's hurry.
    from scheduler import kernel  # noqa: PLC0415 - numba is slow to load
    from scheduler.machine_code import MachineCode, Part  # noqa: PLC0415 - likewise

    cache = MachineCode()
    count = len(Part) + options.all
    for number, part in enumerate(Part, start=1):
        with (None if options.behind else cache.lock_for(part)) or nullcontext():
            if cache.has(part):
                say(f"the planner, part {number} of {count}, is compiled already")
            else:
                with_words(f"the planner, part {number} of {count}", partial(kernel.use, part))
                cache.keep(part)
    if options.all:
        from scheduler.instances.solving import warm_up  # noqa: PLC0415 - only if asked for

        with_words(f"the planner, part {count} of {count}", warm_up)
    cache.prune()


def with_words(what: str, work: Callable[[], object]) -> None:
    """Do some work, and tell before and after."""
    say(f"compiling {what} ...")
    began = time.perf_counter()
    work()
    say(f"compiled {what}, in {time.perf_counter() - began:.0f} s")


def say(words: str) -> None:
    """Tell whoever reads, at once."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def stand_behind() -> None:
    """Work at the lowest priority, and end with the starter, when his end of the pipe closes."""
    if sys.platform != "win32":
        os.nice(_LEAST_PRIORITY)
    for number in (signal.SIGTERM, signal.SIGINT):
        # They are sent to the starter's whole group; he ends in good order first.
        signal.signal(number, signal.SIG_IGN)

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1_024):
            pass
        os._exit(1)  # the compiler hears of nothing else meanwhile

    threading.Thread(target=watch, name="starter", daemon=True).start()


if __name__ == "__main__":
    main()
