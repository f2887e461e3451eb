"""`gemba up` and `gemba demo`: the supervisor in the foreground, with what it shows."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Awaitable, Callable

from rich.console import Console

from launch.backends import BackendError
from launch.demo import bring_up_demo
from launch.display import Display
from launch.identity import IdentityError
from launch.installation import InstallationError
from launch.supervisor import Supervisor, SupervisorError
from runtime import tasks
from runtime.logging import configure_logging
from runtime.settings import Installation as Settings
from store.migrate import MigrationError

_REFRESH_S = 0.5
_PROBLEMS = (BackendError, IdentityError, InstallationError, MigrationError, SupervisorError)
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_installation(settings: Settings, *, demo: bool) -> int:
    """Run an installation until it is told to stop; returns the exit code."""
    # The table tells what happens; log lines would tear it apart.
    console = Console()
    configure_logging("supervisor", "ERROR" if console.is_terminal else settings.log_level)
    try:
        asyncio.run(_run(settings, console, demo=demo))
    except _PROBLEMS as error:
        Console(stderr=True).print(f"gemba: {error}", style="red", highlight=False, markup=False)
        return 1
    return 0


async def _run(settings: Settings, console: Console, *, demo: bool) -> None:
    supervisor = Supervisor(settings)
    stop = asyncio.Event()
    _on_signals(stop, supervisor)
    port_was_chosen = "GEMBA_HTTP_PORT" in os.environ
    with Display(console) as display:
        shown = asyncio.create_task(_show(display, supervisor))
        try:
            async with supervisor.running(any_port=demo and not port_was_chosen):
                if supervisor.http_port != settings.http_port:
                    display.say(
                        f"Port {settings.http_port} is taken: using {supervisor.http_port}."
                    )
                bring_up = bring_up_demo if demo else _bring_up
                await _until_stopped(bring_up, supervisor, display, stop)
                display.say("Stopping …")
        finally:
            await tasks.end([shown])


async def _bring_up(supervisor: Supervisor, display: Display) -> None:
    await supervisor.start_backends()
    await supervisor.start_services()
    display.keep_showing([f"Board: {supervisor.addresses.http_url}"])


async def _until_stopped(
    bring_up: Callable[[Supervisor, Display], Awaitable[None]],
    supervisor: Supervisor,
    display: Display,
    stop: asyncio.Event,
) -> None:
    """Bring the installation up and wait to be stopped, which may come first."""
    starting = asyncio.ensure_future(bring_up(supervisor, display))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await stopping
    finally:
        await tasks.end([starting, stopping])


async def _show(display: Display, supervisor: Supervisor) -> None:
    while True:
        display.refresh(supervisor.phase, supervisor.statuses, supervisor.health_of)
        await asyncio.sleep(_REFRESH_S)


def _on_signals(stop: asyncio.Event, supervisor: Supervisor) -> None:
    """The first signal stops in good order, any further one at once."""

    def told() -> None:
        if stop.is_set():
            logging.getLogger(__name__).warning("told again to stop: killing everything")
            supervisor.kill_all()
        stop.set()

    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, told)
