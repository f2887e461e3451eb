"""`gemba replay komax565` into a running installation."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from installation_stack import Stack
from komax_logs import LogWriter, reference_truth, truth_of
from service_stack import wait_for

from launch.backends.mqtt import BrokerKind
from simulator.replay import komax565

ON_AMQTT = pytest.mark.parametrize("mqtt_broker", [BrokerKind.AMQTT], indirect=True)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Two days of a machine, with warts."""
    folder = tmp_path / "logs"
    first = LogWriter(folder / "2025-02-03")
    second = LogWriter(folder / "2025-02-04", "04/02/2025")
    for number in range(12):
        job, hour = f"ZSU/0003{number}/01/2025, {number}", f"{7 + number:02}"
        first.record("User.sdc", "LoggedIn", f"{hour}:00:00", UserName="OP", MachineName="A565")
        first.started(f"{hour}:01:00", job, requested=60 + number)
        for minute in range(2, 14):
            first.production("ProductionRestarted", f"{hour}:{minute:02}:00", job, minute - 2)
            first.production("ProductionInterrupted", f"{hour}:{minute:02}:30", job, minute - 1)
        if number % 3 == 0:
            first.started(f"{hour}:20:00", "LOCAL(1), 1")
            first.aborted(f"{hour}:20:00", "LOCAL(1), 1", 0)
        if number % 4 != 3:
            first.terminated(f"{hour}:30:00", job, 12 + number, requested=60 + number)
    first.write("Error.ldc", b'03/02/2025\t07:13:13\tM\tS\t8\t"a\r\nb"\tZSU/1\t1\t"a\r\nb"\r\n')
    second.restarted("06:40:00", "ZSU/00033/01/2025, 3", 12)
    second.production("ProductionInterrupted", "06:45:00", "ZSU/00033/01/2025, 3", 20)
    second.terminated("06:50:00", "ZSU/00033/01/2025, 3", 23)
    second.terminated("06:55:00", "ZSU/00033/01/2025, 99", 8, requested=9)
    second.started("07:00:00", "Łącznik, 1")
    second.write("Job.sdc", b"\0" * 40)
    second.aborted("07:10:00", "Łącznik, 1", 2)
    second.write("Job.sdc", b"[JobTerminated]\r\nDateTimeStamp=04/02/20")
    return folder


def good_pieces(stack: Stack, site: str = "komax") -> dict[str, int]:
    work_orders = stack.get("/v1/work-orders", external_source="komax565", site=site, limit=1_000)[
        "items"
    ]
    return {one["external_id"]: one["good_pieces"] for one in work_orders}


def replay(stack: Stack, directory: Path, **options: object) -> int:
    settings: dict[str, object] = {
        "mqtt_url": stack.machine_mqtt_url,
        "api_url": stack.url,
        "token": stack.token(),
        "timeout_s": 60.0,
        "json_output": True,
    }
    return komax565.run(directory, **(settings | options))  # type: ignore[arg-type] # by name


def expected(directory: Path) -> dict[str, int]:
    return truth_of(sorted(directory.glob("*/Job.sdc")))


class TestReplay:
    def test_the_same_pieces_however_often_and_in_which_order(
        self, stack: Stack, logs: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert replay(stack, logs / "2025-02-04") == 0
        assert replay(stack, logs) == 0
        summary = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert summary["unreadable"] > 0
        assert good_pieces(stack) == expected(logs)
        before = stack.get("/v1/ingest", site="komax")
        assert replay(stack, logs, shuffle_minutes=60, seed=7) == 0
        after = stack.get("/v1/ingest", site="komax")
        assert good_pieces(stack) == expected(logs)
        assert after["accepted"] == before["accepted"] == summary["objects"]
        assert after["repeats"] >= before["repeats"] + summary["objects"]
        assert stack.get("/v1/dead-letters", site="komax")["total"] == 0
        (machine,) = stack.get("/v1/machines", site="komax")["items"]
        assert machine["unassigned"] == {"good": 0, "scrap": 0}

    @pytest.mark.kill
    @ON_AMQTT
    def test_gateway_worker_and_api_killed_in_the_middle(self, stack: Stack, logs: Path) -> None:
        outcome: list[int] = []
        options = {"speed": 9_000, "shuffle_minutes": 60, "seed": 3, "timeout_s": 120.0}
        playing = threading.Thread(
            target=lambda: outcome.append(replay(stack, logs, **options)), daemon=True
        )
        playing.start()
        wait_for(
            lambda: int(stack.get("/v1/ingest", site="komax").get("arrivals", 0)) > 0,
            f"something is stored; {stack.log_of('streams')}",
        )
        for service in ("edge", "streams", "api", "edge"):
            stack.kill_and_start(service)
            time.sleep(0.7)
        playing.join(150)
        assert outcome == [0]
        assert good_pieces(stack) == expected(logs)
        assert stack.get("/v1/dead-letters", site="komax")["total"] == 0

    @ON_AMQTT
    def test_what_cannot_be_is_told(
        self, stack: Stack, logs: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert replay(stack, logs / "nowhere") == 2
        assert replay(stack, logs, speed="fast") == 2
        assert replay(stack, logs, machine="komax/cutter") == 2
        assert replay(stack, logs, mqtt_url="http://127.0.0.1") == 2
        assert replay(stack, logs, token="no.such.token") == 1
        said = capsys.readouterr().err
        for words in ("is no directory", "'fast'", "'komax/cutter'", "scheme", "401"):
            assert words in said
        stack.kill("edge")
        assert replay(stack, logs, timeout_s=10.0) == 1
        assert "maybe the gateway does not run" in capsys.readouterr().err


@pytest.mark.reference_data
class TestReference:
    @pytest.mark.mosquitto
    @pytest.mark.parametrize("mqtt_broker", [BrokerKind.MOSQUITTO], indirect=True)
    def test_all_jobs_have_the_pieces_of_the_truth(self, stack: Stack, reference: Path) -> None:
        truth = {job: int(row["good_total"]) for job, row in reference_truth(reference).items()}
        outcome: list[int] = []
        playing = threading.Thread(
            target=lambda: outcome.append(replay(stack, reference, shuffle_minutes=60, seed=5)),
            daemon=True,
        )
        playing.start()
        wait_for(
            lambda: int(stack.get("/v1/ingest", site="komax").get("arrivals", 0)) > 0,
            f"something is stored; {stack.log_of('streams')}",
        )
        stack.kill_and_start("streams")
        stack.kill_and_start("edge")
        playing.join(150)
        assert outcome == [0]
        assert good_pieces(stack) == truth
        assert replay(stack, reference) == 0
        assert good_pieces(stack) == truth
