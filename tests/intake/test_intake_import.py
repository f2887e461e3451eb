"""`gemba orders import`, and a service that is killed between two statements."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from domain.documents import Format
from launch.cli import app
from launch.cli_orders import FormatName
from launch.ports import free_port
from runtime.secrets import installation_key
from runtime.tokens import issue_token

SITE = "plant-1"
MACHINE = f"{SITE}/cutting/line1/m01"


class Service:
    """The API as a process of its own."""

    def __init__(self, environment: dict[str, str], data_dir: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.token = issue_token(installation_key(data_dir), role="admin", subject="test")
        self._environment = {**os.environ, **environment, "GEMBA_HTTP_PORT": str(port)}
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "launch", "run", "api"]
        process = subprocess.Popen(
            command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self._until_up()
        except BaseException:
            process.kill()
            process.wait()
            raise
        return process

    def _until_up(self) -> None:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=20).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise TimeoutError("the API did not come up")

    def client(self) -> httpx.Client:
        """An admin's client."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def kill(self) -> None:
        """End it as a power failure does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        """Start it again, at the same address."""
        self.process = self._start()

    def end(self) -> None:
        """End it in order."""
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()


@pytest.fixture
def service(database_url: str, redis_url: str, data_dir: Path) -> Iterator[Service]:
    """A furnished installation's API."""
    environment = {
        "GEMBA_DATABASE_URL": database_url,
        "GEMBA_REDIS_URL": redis_url,
        "GEMBA_DATA_DIR": str(data_dir),
        "GEMBA_STREAM_URL": "embedded://",
    }
    made = Service(environment, data_dir)
    try:
        with made.client() as api:
            step = {"number": 10, "name": "Saw", "machine": MACHINE, "cycle_ms": 1000}
            routings = [{"site": SITE, "steps": [step]}]
            for path, body in (
                (f"/v1/sites/{SITE}", {"name": "Plant 1", "time_zone": "Asia/Shanghai"}),
                (f"/v1/machines/{MACHINE}", {"name": "Saw"}),
                ("/v1/customers/acme", {"name": "Acme Ltd"}),
                ("/v1/items/bracket", {"name": "Bracket A", "routings": routings}),
            ):
                assert api.put(path, json=body).is_success
        yield made
    finally:
        made.end()


def run(service: Service, *words: str) -> tuple[int, str]:
    """What the command says, and its exit code."""
    given = ["orders", "import", *words, "--url", service.url, "--token", service.token]
    result = CliRunner().invoke(app, given)
    return result.exit_code, result.output


def table(first: int, count: int, *, bad: int = -1) -> str:
    """Orders of two lines each."""
    rows = ["Order,Customer,Pos,Item,Quantity,Due,Note"]
    for number in range(first, first + count):
        quantity = "lots" if number == bad else str(number % 50 + 1)
        rows.extend(
            f"T-{number},acme,{position},bracket,{quantity},2099-12-31,{'x' * 100}"
            for position in (10, 20)
        )
    return "\n".join(rows) + "\n"


class TestTheCommand:
    def test_it_knows_every_format(self) -> None:
        assert {one.value for one in FormatName} == {one.value for one in Format}

    def test_large_tables_go_in_parts_and_faults_keep_their_rows(
        self, service: Service, tmp_path: Path
    ) -> None:
        path = tmp_path / "orders.csv"
        path.write_text(table(0, 1_200, bad=1_100))
        assert path.stat().st_size > 256 * 1024
        code, output = run(service, str(path), "--source", "sheet", "--dry-run", "--json")
        (told,) = json.loads(output)
        assert (code, told["outcomes"]) == (1, {"created": 1_199, "refused": 1})
        places = [one["place"] for one in told["problems"] if one["severity"] == "error"]
        assert {place.split(",")[0] for place in places} == {"row 2202", "row 2203"}
        with service.client() as api:
            assert api.get("/v1/orders").json()["total"] == 0
        code, output = run(service, str(path), "--source", "sheet")
        assert code == 1
        assert "1199 created, 1 refused" in output
        assert 'row 2202, column "Quantity"' in output
        path.write_text(table(0, 1_100))
        code, output = run(service, str(path), "--source", "sheet", "--json")
        assert (code, json.loads(output)[0]["outcomes"]) == (0, {"repeated": 1_100})

    def test_what_cannot_be_read_ends_with_an_error(self, service: Service, tmp_path: Path) -> None:
        path = tmp_path / "orders.csv"
        path.write_text("nothing\nof use\n")
        code, output = run(service, str(path))
        assert code == 1
        assert "nothing taken in" in output
        strange = tmp_path / "orders.bin"
        strange.write_bytes(b"\x01\x02")
        code, output = run(service, str(strange))
        assert code == 1
        assert "--format" in output


@pytest.mark.timeout(900)  # the API is started nine times
class TestAKilledService:
    def test_an_order_is_there_as_a_whole_or_not_at_all(
        self, service: Service, database_url: str
    ) -> None:
        """Killed at eight places in the middle of a transaction, and sent again each time."""
        with psycopg.connect(database_url, autocommit=True) as database:
            for place, relation in enumerate(
                (
                    "intake_heads", "orders", "order_lines", "order_parties", "audit_log",
                    "intake_documents", "intake_files", "log_partitions",
                )
            ):  # fmt: skip
                content = f"Order,Customer,Item,Quantity\nK-{place},acme,bracket,{place + 1}\n"
                self._kill_at(service, database_url, relation, content)
                service.restart()
                with service.client() as api:
                    answer = api.post("/v1/intake/csv?source=k", content=content)
                    assert answer.status_code == 200, answer.text
                    again = api.post("/v1/intake/csv?source=k", content=content)
                    assert again.json()["documents"][0]["outcome"] == "repeated"
                counted = database.execute(
                    """
                    SELECT count(*), (SELECT count(*) FROM order_lines),
                           (SELECT count(*) FROM intake_documents),
                           (SELECT count(*) FROM audit_log WHERE action = 'OrderReceived')
                    FROM orders
                    """
                ).fetchone()
                assert counted == (place + 1,) * 4, relation

    def _kill_at(self, service: Service, database_url: str, relation: str, content: str) -> None:
        """Kill the service while it waits for a table that somebody else has locked."""
        with psycopg.connect(database_url) as blocker:
            blocker.execute(f"LOCK TABLE {relation} IN EXCLUSIVE MODE".encode())
            sending = threading.Thread(target=self._send, args=(service, content))
            sending.start()
            self._until_blocked(database_url)
            service.kill()
            sending.join(60)
            blocker.rollback()

    def _send(self, service: Service, content: str) -> None:
        with contextlib.suppress(httpx.HTTPError), service.client() as api:
            api.post("/v1/intake/csv?source=k", content=content)

    def _until_blocked(self, database_url: str) -> None:
        end = time.monotonic() + 120
        with psycopg.connect(database_url, autocommit=True) as watcher:
            while time.monotonic() < end:
                row = watcher.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gemba-api'"
                    " AND wait_event_type = 'Lock' AND datname = current_database()"
                ).fetchone()
                if row is not None and row[0] > 0:
                    return
                time.sleep(0.02)
        raise TimeoutError("the service does not wait for the table")
