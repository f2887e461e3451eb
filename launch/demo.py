"""`gemba demo`: an installation with a small factory in it, and the simulator at work."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from pathlib import Path

import psycopg

from domain.access import Role
from launch.display import Display
from launch.reach import token_of
from launch.services import SIMULATOR
from launch.supervisor import Supervisor, SupervisorError
from runtime.secrets import replace_private, secrets_dir
from simulator.demo import DemoError, DemoInfo, load
from simulator.settings import SimulatorSettings
from store.access import create_user, find_user, set_password

_PEOPLE = {
    "admin": Role.ADMIN,
    "supervisor": Role.SUPERVISOR,
    "planner": Role.PLANNER,
    "operator": Role.OPERATOR,
    "viewer": Role.VIEWER,
}
_PASSWORD_BYTES = 9
_BREAKABLE = "press-01"
"""A machine with an alternative, to be broken by hand."""


async def bring_up_demo(supervisor: Supervisor, display: Display) -> None:
    """Everything that `up` starts, the demo's factory and people, then the simulator.

    Raises:
        SupervisorError: the API refuses a part of the factory.
    """
    await supervisor.start_backends()
    await supervisor.start_services()
    supervisor.phase = "loading the demo's factory"
    addresses = supervisor.addresses
    passwords = await ensure_people(addresses.database_url, supervisor.data_dir)
    chosen = SimulatorSettings()
    token = token_of(
        supervisor.data_dir,
        role=Role.ADMIN,
        subject="demo",
        key=chosen.installation_key.get_secret_value(),
    )
    try:
        info = await asyncio.to_thread(
            load,
            addresses.http_url,
            token,
            scenario=chosen.simulator_scenario,
            speed=chosen.simulator_speed or None,
            seed=chosen.simulator_seed or None,
        )
    except DemoError as error:
        raise SupervisorError(f"the demo's factory cannot be loaded: {error}") from error
    await supervisor.start_services([SIMULATOR])
    display.keep_showing(
        [
            f"Board:    {addresses.http_url}/  (site {info.site}, {_day(info)})",
            f"Plan:     {addresses.http_url}/plan",
            *(f"Sign in:  {name} / {word}" for name, word in passwords.items()),
            f"Customer: {info.tracking_url}  (order {info.tracked_order})",
            *_second_customer(info),
            f"Break it: {_program()} simulate break {_BREAKABLE} --minutes 10",
        ]
    )


def _program() -> str:
    """This program as it was called, so that what is shown can be typed: `.venv/bin/gemba`."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "gemba" else "gemba"


async def ensure_people(database_url: str, data_dir: Path) -> dict[str, str]:
    """The demo's accounts with their passwords, which are kept in `secrets/demo-users.json`.

    An account is given a new password only when the file with the old one is gone.
    """
    path = secrets_dir(data_dir) / "demo-users.json"
    try:
        passwords: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        passwords = {}
    missing = [name for name in _PEOPLE if name not in passwords]
    passwords |= {name: secrets.token_urlsafe(_PASSWORD_BYTES) for name in missing}
    replace_private(path, json.dumps(passwords, indent=2) + "\n")
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        for name, role in _PEOPLE.items():
            if await find_user(connection, name) is None:
                await create_user(connection, name=name, password=passwords[name], role=role)
            elif name in missing:
                await set_password(connection, name=name, password=passwords[name])
    return {name: passwords[name] for name in _PEOPLE}


def _second_customer(info: DemoInfo) -> list[str]:
    """The customer whose date moves when the machine is broken by hand."""
    if info.also is None:
        return []
    order, url = info.also
    return [f"          {url}  (order {order}: its work is on {_BREAKABLE})"]


def _day(info: DemoInfo) -> str:
    """What day it is in the factory."""
    return f"scenario {info.scenario}, {info.speed:g}× speed"
