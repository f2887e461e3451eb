"""`gemba up` with real processes: what dies comes back, and in the end nothing is left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from up_process import SERVED, START_S, STOP_S, UpProcess, alive, up_process, wait_for

from launch.backends.running import RunningBroker
from launch.ports import LOOPBACK


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    """One installation for the tests that leave it running."""
    with up_process(tmp_path_factory.mktemp("up") / "var") as process:
        process.wait_running()
        wait_for(lambda: ready(process), "ready", START_S)
        yield process


class TestUp:
    def test_it_serves_on_loopback_and_is_ready(self, up: UpProcess) -> None:
        answer = httpx.get(f"{up.url}/readyz", timeout=30)
        assert answer.status_code == 200, answer.text

    def test_its_token_opens_the_api_and_none_does_not(self, up: UpProcess) -> None:
        token = up.gemba("token", "--role", "viewer").stdout.strip()
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{up.url}/v1/sites", headers=headers, timeout=30).status_code == 200
        assert httpx.get(f"{up.url}/v1/sites", timeout=30).status_code == 401

    def test_the_doctor_finds_nothing_wrong(self, up: UpProcess) -> None:
        answer = up.gemba("doctor", "--json")
        findings = {finding["name"]: finding for finding in json.loads(answer.stdout)}
        wrong = [finding for finding in findings.values() if not finding["ok"]]
        assert answer.returncode == 0, wrong
        assert set(findings) >= {
            "python",
            "database",
            "redis",
            "mqtt",
            "edge",
            "streams",
            "scheduler",
            "notify",
            "api",
        }

    def test_a_second_one_on_the_same_data_is_refused(self, up: UpProcess) -> None:
        answer = up.gemba("up")
        assert answer.returncode == 1
        assert "already running" in answer.stderr
        assert "GEMBA_DATA_DIR" in answer.stderr

    def test_its_files_with_credentials_are_its_owners_alone(self, up: UpProcess) -> None:
        for path in (up.data_dir / "run" / "installation.json", *secrets_of(up)):
            assert path.stat().st_mode & 0o077 == 0, path

    def test_no_secret_is_in_a_log_or_on_a_command_line(self, up: UpProcess) -> None:
        logs = b"".join(path.read_bytes() for path in (up.data_dir / "logs").iterdir())
        lines = "\n".join(" ".join(process.cmdline()) for process in up.everything())
        shown = logs.decode("utf-8", "replace") + lines + up.output.read_text()
        for path in secrets_of(up):
            assert path.read_text().strip() not in shown, path.name

    def test_accounts_are_made_listed_and_changed(self, up: UpProcess) -> None:
        made = up.gemba("user", "add", "anna", "--role", "planner", "--password-stdin", stdin=PW)
        assert made.returncode == 0, made.stderr
        again = up.gemba("user", "add", "anna", "--role", "planner", "--password-stdin", stdin=PW)
        assert again.returncode == 1
        weak = up.gemba("user", "passwd", "anna", "--password-stdin", stdin="short\n")
        assert weak.returncode == 1
        listed = json.loads(up.gemba("user", "list", "--json").stdout)
        assert [(user["name"], user["role"]) for user in listed] == [("anna", "planner")]
        session = httpx.post(
            f"{up.url}/v1/session",
            json={"name": "anna", "password": PW.strip()},
            headers={"Origin": up.url},
            timeout=30,
        )
        assert session.is_success, session.text

    @pytest.mark.kill
    @pytest.mark.parametrize("name", sorted(SERVED))
    def test_what_is_killed_comes_back(self, up: UpProcess, name: str) -> None:
        up.wait_running()
        before = up.ps()[name]
        os.kill(before["pid"], signal.SIGKILL)

        def came_back() -> bool:
            now = up.ps().get(name, before)
            return bool(now["state"] == "running" and now["pid"] != before["pid"])

        wait_for(came_back, f"{name} running again", START_S)
        assert up.ps()[name]["restarts"] == before["restarts"] + 1
        wait_for(lambda: ready(up), "ready again", START_S)


PW = "correct horse battery\n"


def secrets_of(up: UpProcess) -> list[Path]:
    return [path for path in (up.data_dir / "secrets").iterdir() if path.is_file()]


def ready(up: UpProcess) -> bool:
    try:
        return httpx.get(f"{up.url}/readyz", timeout=30).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.mark.kill
def test_a_killed_supervisor_leaves_nothing_and_the_next_finds_the_data(data_dir: Path) -> None:
    with up_process(data_dir) as up:
        up.wait_running()
        up.gemba("user", "add", "anna", "--role", "planner", "--password-stdin", stdin=PW)
        everything = up.everything()
        up.signal(signal.SIGKILL)
        assert up.process is not None
        up.process.wait()
        wait_for(lambda: not alive(everything), "every process gone")

        up.start()
        up.wait_running()
        assert [user["name"] for user in json.loads(up.gemba("user", "list", "--json").stdout)] == [
            "anna"
        ]


@pytest.mark.kill
def test_ctrl_c_ends_everything_also_after_a_service_was_killed(data_dir: Path) -> None:
    with up_process(data_dir) as up:
        up.wait_running()
        os.kill(up.pids()["edge"], signal.SIGKILL)
        everything = up.everything()
        up.signal(signal.SIGINT)
        assert up.process is not None
        assert up.process.wait(STOP_S) == 0
        wait_for(lambda: not alive(everything), "every process gone")
        assert up.gemba("ps").returncode == 1


def test_ctrl_c_while_it_is_starting_ends_everything(data_dir: Path) -> None:
    with up_process(data_dir) as up:
        wait_for(lambda: len(up.everything()) > 2, "first children", START_S)
        everything = up.everything()
        up.signal(signal.SIGINT)
        assert up.process is not None
        assert up.process.wait(STOP_S) == 0
        wait_for(lambda: not alive(everything), "every process gone")


def test_backends_of_ones_own_are_used_instead_of_embedded_ones(
    data_dir: Path, empty_database_url: str, redis_url: str, mqtt_broker: RunningBroker
) -> None:
    own = {
        "GEMBA_DATABASE_URL": empty_database_url,
        "GEMBA_REDIS_URL": redis_url,
        "GEMBA_MQTT_URL": mqtt_broker.url,
    }
    with up_process(data_dir, settings=own) as up:
        up.wait_running({"edge", "streams", "scheduler", "notify", "api"})
        assert set(up.ps()) == {"edge", "streams", "scheduler", "notify", "api"}
        wait_for(lambda: ready(up), "ready", START_S)
        assert up.gemba("doctor").returncode == 0


def test_a_taken_port_is_named_with_the_way_out(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = UpProcess(data_dir=data_dir, port=port).gemba("up")
    assert answer.returncode == 1
    assert str(port) in answer.stderr
    assert "GEMBA_HTTP_PORT" in answer.stderr


def test_commands_without_an_installation_say_how_to_start_one(data_dir: Path) -> None:
    nothing = UpProcess(data_dir=data_dir, port=1)
    for arguments in (("ps",), ("token", "--role", "viewer"), ("user", "list")):
        answer = nothing.gemba(*arguments)
        assert answer.returncode == 1
        assert "gemba up" in answer.stderr, answer.stderr


def test_help_is_quick_because_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, launch.cli; "
        "print(*{'psycopg', 'pydantic', 'faust', 'aiomqtt', 'redis', 'fastapi', 'psutil'} "
        "& set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == []
