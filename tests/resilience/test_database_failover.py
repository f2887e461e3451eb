"""The primary is gone and its standby promoted; services have a URL that names both."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from plant import lasting, running_plant
from standby import primary_and_standby

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(
        os.environ.get("GEMBA_TEST_SLOW") != "1", reason="takes a minute: set GEMBA_TEST_SLOW=1"
    ),
]
OUTAGE_S: Final = 3.0


def test_nothing_is_lost_and_nothing_doubled_when_the_standby_takes_over(tmp_path: Path) -> None:
    with primary_and_standby(tmp_path / "servers") as (first, second):
        url = (
            f"postgresql://postgres@127.0.0.1:{first.port},127.0.0.1:{second.port}/postgres"
            "?target_session_attrs=read-write"
        )
        folder = tmp_path / "plant"
        folder.mkdir()
        with running_plant(folder, database_url=url) as plant, plant.flow() as flow:
            plant.flows_on(flow)
            first.kill()
            plant.becomes("database", "failed", "does not answer")
            plant.becomes("edge", "degraded", "stream unreachable")
            lasting(OUTAGE_S)
            second.execute("SELECT pg_promote()")
            plant.is_well()
            plant.flows_on(flow)
            plant.counts(flow)
