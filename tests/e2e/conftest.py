"""One installation for all end-to-end tests of a session: starting one takes seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import Installation


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """With the embedded broker, so that nothing but the wheels is needed."""
    yield from _running(tmp_path_factory.mktemp("e2e"), "amqtt")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The demo, at work."""
    yield from _running(tmp_path_factory.mktemp("demo"), "amqtt", command="demo")


@pytest.fixture(scope="session")
def demo_password(demo: Installation) -> str:
    """The demo supervisor's password, which `gemba demo` printed."""
    users = json.loads((demo.data_dir / "secrets" / "demo-users.json").read_text())
    return str(users["supervisor"])


def _running(folder: Path, broker: str, *, command: str = "up") -> Iterator[Installation]:
    installation = Installation(folder / "var", broker=broker, command=command)
    asyncio.run(installation.start())
    try:
        yield installation
    finally:
        installation.stop()
