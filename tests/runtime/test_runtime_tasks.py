"""Ending tasks that do not take the first no for an answer."""

from __future__ import annotations

import asyncio

from runtime import tasks


async def test_a_task_that_swallows_a_cancellation_is_ended_all_the_same() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if swallowed == 2:
                    raise
                swallowed += 1

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await tasks.end([task])
    assert task.cancelled()
    assert swallowed == 2


async def test_what_a_task_failed_with_is_not_raised() -> None:
    async def failing() -> None:
        raise ValueError("of no interest any more")

    task = asyncio.create_task(failing())
    await asyncio.wait([task])
    await tasks.end([task])
    assert task.done()


async def test_a_task_that_never_ends_is_left_after_the_time() -> None:
    release = asyncio.Event()

    async def immortal() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    task = asyncio.create_task(immortal())
    await asyncio.sleep(0)
    await tasks.end([task], within_s=0.3)
    assert not task.done()
    release.set()
    await task


async def test_whoever_is_cancelled_again_still_ends_its_own_tasks() -> None:
    gone = []

    async def helper() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.2)  # longer than until the next cancellation of its owner
            gone.append("helper")

    async def owner() -> None:
        helping = asyncio.create_task(helper())
        try:
            await asyncio.sleep(3600)
        finally:
            try:
                await tasks.end([helping], again_s=1.0)
            finally:
                gone.append("owner")

    task = asyncio.create_task(owner())
    await asyncio.sleep(0.01)
    await tasks.end([task], again_s=0.05)
    assert task.cancelled()
    assert gone == ["helper", "owner"]
