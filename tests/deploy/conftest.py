"""A machine for the services of docker-compose.yml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boxes
import compose_file
import pytest
import servers
from boxes import Machine


@pytest.fixture
def compose_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with secrets, on which nothing runs yet."""
    yield from _machine(tmp_path_factory)


@pytest.fixture(scope="module")
def served_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine with all servers but Kafka, and the schema; shared by a module's tests."""
    for machine in _machine(tmp_path_factory):
        servers.start_all(machine)
        yield machine


def _machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    lacking = boxes.missing()
    if lacking is not None:
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("compose")
    for path in (folder, folder.parent, folder.parent.parent):
        Path(path).chmod(0o755)
    with boxes.machine(folder, compose_file.read()) as machine:
        yield machine
