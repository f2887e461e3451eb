"""One installation for all end-to-end tests of a session: starting one takes seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from browsing import chromium
from installation import Installation, eventually
from playwright.async_api import Browser


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """With the embedded broker, so that nothing but the wheels is needed."""
    yield from _running(tmp_path_factory.mktemp("e2e"), "amqtt")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The demo, at work: its orders are in, and its machines have begun to count."""
    for demo in _running(tmp_path_factory.mktemp("demo"), "amqtt", command="demo"):
        asyncio.run(_at_work(demo))
        yield demo


async def _at_work(demo: Installation) -> None:
    async def counted() -> int:
        async with demo.api() as api:
            answer = await api.get("/v1/operations")
        return sum(one["good_pieces"] for one in answer.json()["items"])

    await eventually(counted, lambda pieces: pieces > 0)


@pytest.fixture(scope="session")
def demo_passwords(demo: Installation) -> dict[str, str]:
    """The passwords of the demo's people by name, which `gemba demo` printed."""
    users: dict[str, str] = json.loads((demo.data_dir / "secrets/demo-users.json").read_text())
    return users


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A browser for all tests of a module: starting one takes a second."""
    async with chromium() as started:
        yield started


def _running(folder: Path, broker: str, *, command: str = "up") -> Iterator[Installation]:
    installation = Installation(folder / "var", broker=broker, command=command)
    try:
        asyncio.run(installation.start())
        yield installation
    finally:
        installation.stop()
