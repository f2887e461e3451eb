"""Running tasks side by side, and ending them for sure."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterable
from typing import Any, Final

AGAIN_S: Final = 0.2


async def end(
    tasks: Collection[asyncio.Task[Any]], *, within_s: float = 3.0, again_s: float = AGAIN_S
) -> None:
    """Cancel tasks until they are done, or the time is over; what they end with is not raised.

    Once is not enough: on Python 3.11 `asyncio.wait_for` drops a cancellation that comes together
    with its result, and libraries use it. But a cancellation also breaks off the tidying up after
    the one before: a task that says goodbye to a server wants more time (`again_s`) for that.

    Whoever is cancelled while waiting here waits on, and learns of it afterwards: a task that ends
    others in its own tidying up would leave them behind, with all that they hold.

    Raises:
        asyncio.CancelledError: the caller was cancelled meanwhile.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    again = loop.time()
    stopped: asyncio.CancelledError | None = None
    while (pending := [task for task in tasks if not task.done()]) and loop.time() < deadline:
        if loop.time() >= again:
            again = loop.time() + again_s
            for task in pending:
                task.cancel()
        try:
            await asyncio.wait(pending, timeout=again - loop.time())
        except asyncio.CancelledError as error:
            stopped = error
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # has been looked at: asyncio does not complain of it later
    if stopped is not None:
        raise stopped


async def work_until(stop: asyncio.Event, work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run pieces of work side by side until `stop` is set; then end them all.

    None of them ends by itself: one that does has failed, and what it raised is raised here.
    """
    running = [asyncio.create_task(one) for one in work]
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait((*running, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end([*running, stopping])
    for task in done:
        task.result()
