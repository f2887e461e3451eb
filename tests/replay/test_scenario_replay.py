"""A scenario replayed into running services, also while they are killed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from launch.backends.running import RunningBroker
from launch.ports import free_port
from runtime.secrets import installation_key
from runtime.tokens import issue_token
from simulator.replay.scenario import run

SERVICES = ("edge", "streams", "api")
READY_S = 120


@dataclass
class Services:
    """Gateway, stream worker and API as processes."""

    environment: dict[str, str]
    data_dir: Path
    api_url: str
    mqtt_url: str
    token: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        with (self.data_dir / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "launch", "run", name],
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        self.processes[name].kill()
        self.processes[name].wait()

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                answer = httpx.get(
                    f"{self.api_url}/readyz", headers={"Authorization": f"Bearer {self.token}"}
                )
                if answer.status_code == 200:
                    return
                told = answer.text
            except httpx.TransportError as error:
                told = str(error)
            assert time.monotonic() < deadline, told
            time.sleep(0.1)

    def replay(self, file: Path, **options: Any) -> int:
        return run(
            file,
            mqtt_url=self.mqtt_url,
            api_url=self.api_url,
            token=self.token,
            **{"check": True, "timeout_s": 90.0, **options},
        )


@pytest.fixture
def services(
    mqtt_broker: RunningBroker, database_url: str, redis_url: str, data_dir: Path
) -> Iterator[Services]:
    """Running services; ended with the test."""
    port = free_port()
    running = Services(
        environment={
            "PATH": os.environ.get("PATH", os.defpath),
            "GEMBA_DATA_DIR": str(data_dir),
            "GEMBA_DATABASE_URL": database_url,
            "GEMBA_REDIS_URL": redis_url,
            "GEMBA_MQTT_URL": mqtt_broker.url,
            "GEMBA_HTTP_PORT": str(port),
        },
        data_dir=data_dir,
        api_url=f"http://127.0.0.1:{port}",
        mqtt_url=mqtt_broker.machine_url,
        token=issue_token(installation_key(data_dir), role="viewer"),
    )
    for name in SERVICES:
        running.start(name)
    try:
        running.wait_ready()
        yield running
    finally:
        for process in running.processes.values():
            process.kill()
            process.wait()


def scenario(folder: Path, *, site: str, pieces: int) -> Path:
    """Two machines on one operation, garbage and conflicts in between, some pieces of nobody's."""
    machines = [f"{site}/cutting/line1/m{n}" for n in (1, 2)]
    messages: list[dict[str, Any]] = [
        {
            "topic": f"gemba/v1/{machine}/job",
            "payload": {
                "t": 1_772_431_200_000,
                "boot": "b",
                "seq": 0,
                "event": "started",
                "work_order": "WO1",
                "operation": 10,
            },
        }
        for machine in machines
    ]
    dead_letters = 0
    for number in range(1, pieces + 1):
        for machine in machines:
            count = {
                "t": 1_772_431_200_000 + number * 1_000,
                "boot": "b",
                "seq": number,
                "good": 1,
            }
            topic = f"gemba/v1/{machine}/count"
            messages.append({"topic": topic, "payload": count})
            if number % 10 == 0:
                messages.append({"topic": topic, "payload": count | {"good": 5}})
                messages.append({"topic": topic, "payload": [count]})
                messages.append({"topic": topic, "raw": f"garbage {number}"})
                dead_letters += 2
    messages.append(
        {
            "topic": f"gemba/v1/{site}/cutting/line1/m3/count",
            "payload": {"t": "2026-03-02T06:00:00Z", "boot": "b", "seq": 0, "good": 2, "scrap": 1},
        }
    )
    expect = {
        "operations": [
            {
                "work_order": "WO1",
                "operation": 10,
                "good": 2 * pieces,
                "scrap": 0,
                "runs": 2,
                "state": "running",
            }
        ],
        "unassigned": [{"machine": f"{site}/cutting/line1/m3", "good": 2, "scrap": 1}],
        "dead_letters": dead_letters,
    }
    file = folder / f"{site}.json"
    content = {"name": site, "site": site, "features": [], "messages": messages, "expect": expect}
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


class TestReplay:
    def test_the_result_is_as_expected_and_a_difference_is_told(
        self, services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = scenario(tmp_path, site="plant-1", pieces=30)
        assert services.replay(file) == 0
        told = capsys.readouterr()
        assert "81 of 81 messages stored; the result is as expected" in told.out
        assert told.err == ""

        # Once more: what was refused is refused again, everything else is a repeat.
        assert services.replay(file, json_output=True) == 0
        outcome = json.loads(capsys.readouterr().out)
        assert (outcome["stored"], outcome["differences"]) == (81, [])
        assert any("12 dead letters before" in note for note in outcome["notes"])

        content = json.loads(file.read_text(encoding="utf-8"))
        content["expect"]["operations"][0]["good"] = 61
        file.write_text(json.dumps(content), encoding="utf-8")
        assert services.replay(file) == 1
        assert "good_pieces is 60, expected 61" in capsys.readouterr().err

    @pytest.mark.kill
    def test_exact_while_services_are_killed(
        self, services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = scenario(tmp_path, site="plant-1", pieces=150)

        async def replay_and_kill() -> int:
            replaying = asyncio.create_task(asyncio.to_thread(services.replay, file))
            chance = random.Random(20261122)
            for name in [*SERVICES, *SERVICES]:
                await asyncio.sleep(chance.uniform(0.1, 0.6))
                services.kill(name)
                await asyncio.sleep(0.1)
                services.start(name)
            return await replaying

        assert asyncio.run(replay_and_kill()) == 0, capsys.readouterr().err


class TestFailures:
    def test_what_is_not_stored_in_time_is_told_with_a_number(
        self, services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        services.kill("streams")
        file = scenario(tmp_path, site="plant-1", pieces=3)
        assert services.replay(file, timeout_s=10.0) == 1
        assert "0 of 9 messages stored and nothing moved for 10 s" in capsys.readouterr().err

    def test_a_file_that_is_no_scenario_is_told(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "s.json"
        file.write_text('{"name": 7}', encoding="utf-8")
        code = run(file, mqtt_url="mqtt://127.0.0.1", api_url="http://127.0.0.1", token="")
        assert code == 2
        assert "s.json: Expected `str`, got `int` - at `$.name`" in capsys.readouterr().err

    def test_an_api_that_is_not_there_is_told(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        port = free_port()
        code = run(
            scenario(tmp_path, site="plant-1", pieces=1),
            mqtt_url="mqtt://127.0.0.1",
            api_url=f"http://127.0.0.1:{port}",
            token="t",
            timeout_s=0.3,
        )
        assert code == 2
        assert "ConnectError" in capsys.readouterr().err

    def test_a_token_that_opens_nothing_is_told_at_once(
        self, services: Services, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        services.token = "wrong"
        assert services.replay(scenario(tmp_path, site="plant-1", pieces=1)) == 2
        assert "401" in capsys.readouterr().err
