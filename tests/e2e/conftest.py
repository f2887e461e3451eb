"""One installation for all end-to-end tests of a session: starting one takes seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import Installation


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """With the embedded broker, so that nothing but the wheels is needed."""
    yield from _running(tmp_path_factory.mktemp("e2e"), "amqtt")


def _running(folder: Path, broker: str) -> Iterator[Installation]:
    installation = Installation(folder / "var", broker=broker)
    asyncio.run(installation.start())
    try:
        yield installation
    finally:
        installation.stop()
