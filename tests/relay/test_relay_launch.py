"""The relay as a service: on Kafka it is expected, elsewhere there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from launch.services import RELAY, SERVICES, expected_services


class TestExpectedServices:
    def test_the_embedded_log_needs_no_relay(self) -> None:
        assert expected_services("embedded://") == SERVICES
        assert RELAY not in SERVICES

    @pytest.mark.parametrize("url", ["kafka://a:9092", "kafka+ssl://user:word@a:9093;b:9093"])
    def test_kafka_does(self, url: str) -> None:
        assert expected_services(url) == (*SERVICES, RELAY)


class TestRun:
    def test_it_says_that_there_is_nothing_to_relay_to(self, tmp_path: Path) -> None:
        others = {key: value for key, value in os.environ.items() if not key.startswith("GEMBA_")}
        environment = others | {
            "GEMBA_STREAM_URL": "embedded://",
            "GEMBA_DATA_DIR": str(tmp_path),
        }
        answer = subprocess.run(
            [sys.executable, "-m", "launch", "run", RELAY],
            env=environment,
            capture_output=True,
            timeout=60,
            check=False,
            text=True,
        )
        assert answer.returncode == 1
        assert "a relay is needed on Kafka only" in answer.stderr
        assert "Traceback" not in answer.stderr
