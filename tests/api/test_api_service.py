"""The API as a process: it serves, ends cleanly, and outlives its backends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from launch.backends.postgres import PostgresServer
from launch.backends.running import running
from launch.ports import free_port
from runtime.secrets import installation_key
from runtime.tokens import issue_token
from store.migrate import migrate

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (
    "from api.service import run; from runtime.settings import ApiSettings; run(ApiSettings())"
)


def until(url: str, status: int, **headers: str) -> httpx.Response:
    """Ask until the answer has that status."""
    end = time.monotonic() + 60
    last = "nothing"
    while time.monotonic() < end:
        try:
            answer = httpx.get(url, headers=headers, timeout=20)
        except httpx.TransportError as error:
            last = repr(error)
        else:
            if answer.status_code == status:
                return answer
            last = answer.text
        time.sleep(0.1)
    pytest.fail(f"{url} never answered {status}: {last}")


@pytest.fixture
def postgres(tmp_path: Path) -> PostgresServer:
    """A server of the test's own, not running."""
    folder = tmp_path / "postgres"
    folder.mkdir()
    return PostgresServer(folder, durable=True, shared_buffers_mb=16)


class Program:
    """The API in a process of its own."""

    def __init__(self, database_url: str, redis_url: str, data_dir: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = issue_token(installation_key(data_dir), role="admin")
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "GEMBA_DATABASE_URL": database_url,
                "GEMBA_REDIS_URL": redis_url,
                "GEMBA_DATA_DIR": str(data_dir),
                "GEMBA_HTTP_PORT": str(self.port),
            },
            stderr=subprocess.PIPE,
        )

    def stop(self) -> tuple[int, str]:
        """SIGTERM; the exit code and what was logged."""
        self.process.send_signal(signal.SIGTERM)
        _, logged = self.process.communicate(timeout=60)
        return self.process.returncode, logged.decode()


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    started: list[Program] = []
    yield started
    for program in started:
        if program.process.poll() is None:
            program.process.kill()
            program.process.communicate()


class TestProcess:
    def test_ends_cleanly_and_logs_no_secret(
        self, database_url: str, redis_url: str, data_dir: Path, programs: list[Program]
    ) -> None:
        program = Program(database_url, redis_url, data_dir)
        programs.append(program)
        until(f"{program.url}/healthz", 200)
        answer = until(f"{program.url}/v1/sites", 200, Authorization=f"Bearer {program.token}")
        assert "server" not in answer.headers
        httpx.get(f"{program.url}/v1/tracking/a-secret-link")
        code, logged = program.stop()
        assert code == 0, logged
        for secret in (program.token, "a-secret-link", urlsplit(database_url).password or "?"):
            assert secret not in logged

    def test_outlives_its_database(
        self, postgres: PostgresServer, redis_url: str, data_dir: Path, programs: list[Program]
    ) -> None:
        log = data_dir / "postgres.log"
        with running(postgres, log) as server:
            migrate(postgres.url)
            program = Program(postgres.url, redis_url, data_dir)
            programs.append(program)
            sites, headers = f"{program.url}/v1/sites", {"Authorization": f"Bearer {program.token}"}
            until(sites, 200, **headers)
            server.kill()
            until(sites, 503, **headers)
            until(f"{program.url}/healthz", 200)
        with running(postgres, log):
            until(sites, 200, **headers)
            assert program.process.poll() is None
            code, logged = program.stop()
        assert code == 0, logged
