"""One message for a date that moved, from eight processes at once, some of them killed."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from noticed_orders import DAY, NOW, PACE, Desk

PROCESSES = 8
ORDERS = 6
ROUNDS = 3
DUE = NOW + 5 * DAY


@asynccontextmanager
async def lookers(url: str) -> AsyncIterator[Sequence[Process]]:
    """Processes that look when they are told to, without the lease that keeps them apart."""
    script = Path(__file__).with_name("date_looker.py")
    root = script.parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(root), str(script.parent)))}
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, str(script), url, stdin=PIPE, stdout=PIPE, env=environment
        )
        for _ in range(PROCESSES)
    ]
    try:
        for each in started:
            assert each.stdout is not None
            assert await each.stdout.readline() == b"ready\n"
        yield started
    finally:
        for each in started:
            if each.returncode is None and each.stdin is not None:
                each.stdin.close()
        await asyncio.gather(*(each.wait() for each in started))


async def look(processes: Sequence[Process], at_ms: int) -> None:
    """Let all of them look at once."""
    for each in processes:
        assert each.stdin is not None
        each.stdin.write(f"{at_ms}\n".encode())


async def made(processes: Sequence[Process]) -> int:
    """How many messages they made together."""
    total = 0
    for each in processes:
        assert each.stdout is not None
        total += int(await each.stdout.readline())
    return total


async def once(desk: Desk) -> None:
    """Each line's numbers rise by one, and each message that is to be sent tells of a line."""
    rows = await desk.rows(
        """
        SELECT d.order_line_id, d.number, count(l.number) AS told, max(l.number) AS last
        FROM customer_dates d LEFT JOIN customer_notice_lines l USING (contact_id, order_line_id)
        GROUP BY 1, 2
        """
    )
    assert len(rows) == ORDERS
    assert all(row["number"] == row["told"] == row["last"] for row in rows), rows
    notices = await desk.notices()
    assert len(notices) == sum(row["number"] for row in rows)
    assert all(len(one["body"]["lines"]) == 1 for one in notices)


async def test_eight_processes_tell_once(desk: Desk) -> None:
    await desk.contact()
    for number in range(ORDERS):
        await desk.order(f"SO-{number}", DUE)
    await desk.look()
    at_ms = NOW
    async with lookers(desk.url) as processes:
        for round_ in range(1, ROUNDS + 1):
            for number in range(ORDERS):
                await desk.ends(f"SO-{number}", DUE + round_ * DAY)
            for after_ms, wanted in ((0, 0), (PACE.settle_ms, ORDERS), (PACE.settle_ms, 0)):
                at_ms += after_ms
                await look(processes, at_ms)
                assert await made(processes) == wanted
            await desk.run("UPDATE customer_notices SET state = 'sent'")
    assert len(await desk.notices()) == ROUNDS * ORDERS
    await once(desk)


async def test_who_is_killed_has_told_it_or_has_not(desk: Desk) -> None:
    """Killed at any moment: the others tell what is left, and nothing twice."""
    await desk.contact()
    for number in range(ORDERS):
        await desk.order(f"SO-{number}", DUE)
    await desk.look()
    for number in range(ORDERS):
        await desk.ends(f"SO-{number}", DUE + DAY)
    await desk.look()
    at_ms = NOW + PACE.settle_ms
    async with lookers(desk.url) as processes:
        await look(processes, at_ms)
        for place, each in enumerate(processes[:-1]):
            await asyncio.sleep(0.01 * place)
            each.kill()
            await each.wait()
        await made(processes[-1:])
        await look(processes[-1:], at_ms)
        await made(processes[-1:])
    assert len(await desk.notices()) == ORDERS
    await once(desk)
