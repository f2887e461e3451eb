"""docs/howto/connect-a-machine.md shows its files, and every example does what the text says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from docs_stack import OwnBroker
from service_stack import ServiceStack

from contracts.telemetry import Count, Job
from contracts.topics import Kind, parse_topic
from domain.intake import Accepted, Refusal, judge
from runtime.mqtt_client import MqttClient

ROOT = Path(__file__).resolve().parents[2]
HOWTO = ROOT / "docs" / "howto"
EXAMPLES = HOWTO / "examples"
TEXTS = [HOWTO / "connect-a-machine.md", HOWTO / "connect-a-machine.zh-CN.md"]
SHOWN = re.compile(r"^<!-- (examples/\S+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = [
    "machine.py",
    "outbox.py",
    "esp32/esp32.ino",
    "node-red-flow.json",
    "mosquitto.conf",
    "mosquitto.acl",
]


def program(name: str) -> str:
    """Where a program is; the test is skipped without it, and fails where skipping is forbidden."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("GEMBA_TEST_FORBID_SKIP") == "1":
            pytest.fail(f"{name} is not installed, and skipping is forbidden")
        pytest.skip(f"{name} is not installed")
    return found


def accepted(topic: str, payload: bytes) -> Accepted:
    """What the gateway's judge makes of a message; it must take it."""
    (one,) = judge(
        topic, payload, size=len(payload), received_ms=time.time_ns() // 1_000_000 + 1_000
    )
    assert isinstance(one, Accepted), one
    return one


class TestText:
    @pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
    def test_it_shows_exactly_the_files(self, text: Path) -> None:
        shown = SHOWN.findall(text.read_text(encoding="utf-8"))
        assert sorted(name for name, _ in shown) == sorted(f"examples/{name}" for name in FILES)
        for name, body in shown:
            assert body == (HOWTO / name).read_text(encoding="utf-8"), name

    @pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
    def test_its_links_lead_somewhere(self, text: Path) -> None:
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text.read_text(encoding="utf-8"))
        assert links
        for link in links:
            assert (text.parent / link).exists(), link

    @pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
    def test_its_codes_of_refusal_exist(self, text: Path) -> None:
        tables = re.findall(r"(?:^\|.*\n)+", text.read_text(encoding="utf-8"), re.MULTILINE)
        codes = re.findall(r"^\| `(\w+)` \|", tables[-1], re.MULTILINE)
        assert len(codes) >= 8
        assert set(codes) <= {code.value for code in Refusal}

    def test_the_example_is_short(self) -> None:
        lines = (EXAMPLES / "machine.py").read_text().splitlines()
        told = [line for line in lines if line.strip() and not line.startswith(("import", "from"))]
        assert len(told) <= 24


class TestPython:
    async def test_its_pieces_arrive(self, stack: ServiceStack) -> None:
        run = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLES / "machine.py"),
            stack.machine_mqtt_url,
            "WO-1001",
            "25",
            "0.02",
        )
        assert await asyncio.wait_for(run.wait(), 60) == 0
        found = await stack.until(
            "/v1/operations", lambda found: [one["state"] for one in found["items"]], ["completed"]
        )
        (operation,) = found["items"]
        assert (operation["site"], operation["work_order"], operation["operation"]) == (
            "plant-1",
            "WO-1001",
            10,
        )
        assert (operation["good_pieces"], operation["runs"]) == (25, 1)
        machines = await stack.until(
            "/v1/machines", lambda found: [one["state"] for one in found["items"]], ["idle"]
        )
        (machine,) = machines["items"]
        assert machine["machine"] == "plant-1/cutting/line-1/press-1"
        assert machine["configured"] is False
        async with stack.api() as client:
            answer = await client.put(
                f"/v1/machines/{machine['machine']}", json={"name": "Press 1", "position": 1}
            )
            assert answer.is_success, answer.text
            assert answer.json()["configured"] is True
        letters = await stack.until("/v1/dead-letters", lambda found: found["total"], 0)
        assert letters["items"] == []


class TestOutbox:
    async def test_no_piece_is_lost_although_gateway_and_program_are_killed(
        self, stack: ServiceStack, tmp_path: Path
    ) -> None:
        async def press(pieces: int) -> asyncio.subprocess.Process:
            script = str(EXAMPLES / "outbox.py")
            file = str(tmp_path / "press-4.db")
            told = (stack.machine_mqtt_url, "WO-1004", str(pieces), "0.05", file)
            return await asyncio.create_subprocess_exec(sys.executable, script, *told)

        def waiting() -> int:
            with closing(sqlite3.connect(tmp_path / "press-4.db", timeout=10)) as outbox:
                ((left,),) = outbox.execute("SELECT count(*) FROM outbox")
            return int(left)

        first = await press(5)
        assert await asyncio.wait_for(first.wait(), 60) == 0
        assert waiting() == 0
        stack.kill("edge")
        second = await press(6)
        for _ in range(600):
            if waiting() == 8:  # a start, six pieces, an end
                break
            await asyncio.sleep(0.1)
        second.kill()
        await second.wait()
        stack.start("edge")
        third = await press(7)
        assert await asyncio.wait_for(third.wait(), 90) == 0
        assert waiting() == 0
        found = await stack.until(
            "/v1/operations", lambda answer: [one["good_pieces"] for one in answer["items"]], [18]
        )
        assert [one["runs"] for one in found["items"]] == [3]
        assert (
            await stack.until("/v1/dead-letters", lambda answer: answer["total"], 0)
        ) is not None


class TestNodeRed:
    def nodes(self) -> list[dict[str, Any]]:
        flow: list[dict[str, Any]] = json.loads((EXAMPLES / "node-red-flow.json").read_text())
        return flow

    def test_every_wire_leads_to_a_node(self) -> None:
        nodes = self.nodes()
        ids = {node["id"] for node in nodes}
        assert len(ids) == len(nodes)
        for node in nodes:
            assert {end for wire in node.get("wires", []) for end in wire} <= ids
            assert {node.get("broker"), node.get("z")} - {None, "192.168.1.10"} <= ids
        (out,) = (node for node in nodes if node["type"] == "mqtt out")
        assert (out["qos"], out["retain"], out["topic"]) == ("1", "false", "")

    def test_what_its_function_makes_of_every_button_is_accepted(self) -> None:
        (function,) = (node for node in self.nodes() if node["type"] == "function")
        buttons = [json.loads(node["payload"]) for node in self.nodes() if node["type"] == "inject"]
        script = """
            const [body, buttons] = JSON.parse(process.argv[1]);
            const kept = new Map();
            const set = (key, value) => kept.set(key, value);
            const context = {get: (key) => kept.get(key), set};
            const run = new Function("msg", "context", "node", body);
            console.log(JSON.stringify(buttons.map((payload) => run({payload}, context, {}))));
        """
        told = subprocess.run(
            [program("node"), "-e", script, json.dumps([function["func"], buttons + buttons])],
            capture_output=True,
            check=True,
            text=True,
        )
        messages = json.loads(told.stdout)
        taken = [accepted(one["topic"], json.dumps(one["payload"]).encode()) for one in messages]
        assert [one.kind for one in taken] == [Kind.JOB, Kind.COUNT] * 2
        assert [one.message.seq for one in taken] == [0, 1, 2, 3]
        assert len({one.message.boot for one in taken}) == 1
        assert isinstance(taken[0].message, Job)
        assert isinstance(taken[1].message, Count)
        assert taken[1].message.good == 1


class TestEsp32:
    SKETCH = EXAMPLES / "esp32" / "esp32.ino"

    def test_its_formats_make_accepted_messages(self) -> None:
        source = self.SKETCH.read_text()
        formats = re.findall(
            r'snprintf\((topic|payload), sizeof \w+,\s*"((?:[^"\\]|\\.)*)"', source
        )
        values = {"%s": "a/b/c/d", "%lld": str(time.time_ns() // 1_000_000), "%lu": "7"}
        filled = {
            name: re.sub(r"%(?:s|lld|lu)", lambda found: values[found[0]], json.loads(f'"{form}"'))
            for name, form in formats
        }
        one = accepted(filled["topic"], filled["payload"].encode())
        assert one.kind is Kind.COUNT
        press = re.search(r'PRESS = "([^"]+)"', source)
        assert press is not None
        assert parse_topic(f"gemba/v1/{press[1]}/count").machine == "press-2"

    def test_run_on_this_computer_it_loses_nothing_while_the_broker_is_away(
        self, tmp_path: Path
    ) -> None:
        binary = tmp_path / "sketch"
        here = Path(__file__).parent / "arduino"
        flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", f'-DSKETCH="{self.SKETCH}"']
        subprocess.run(
            [program("g++"), *flags, f"-I{here}", here / "simulation.cpp", "-o", binary], check=True
        )
        told = subprocess.run([binary], capture_output=True, check=True, text=True).stdout
        messages = [line.split("\t") for line in told.splitlines()]
        taken = [accepted(topic, payload.encode()).message for topic, payload in messages]
        totals = [one.good_total for one in taken if isinstance(one, Count)]
        assert totals == [0, 1, 2, 3, 7, 7, 7]  # the last two are repeats, in case one got lost
        assert [one.seq for one in taken] == sorted({one.seq for one in taken})


@pytest.mark.mosquitto
async def test_with_the_shown_broker_a_machine_speaks_for_itself_only(
    own_broker: OwnBroker,
) -> None:
    async with MqttClient(
        "127.0.0.1",
        own_broker.port,
        username="gateway",
        password=own_broker.passwords["gateway"],
    ) as gateway:
        await gateway.subscribe("gemba/v1/#", qos=1)
        other = await example(own_broker.url("press-2"), "FORGED")  # names itself press-1
        assert await asyncio.wait_for(other.wait(), 60) == 0
        stranger = await example(own_broker.url("press-1", "wrong"), "FORGED")
        with pytest.raises(TimeoutError):  # it waits until somebody lets it in
            await asyncio.wait_for(stranger.wait(), 3)
        stranger.kill()
        await stranger.wait()
        itself = await example(own_broker.url("press-1"), "WO-1")
        assert await asyncio.wait_for(itself.wait(), 60) == 0
        heard = []
        async with asyncio.timeout(60):
            async for message in gateway.messages:
                heard.append(accepted(str(message.topic), bytes(message.payload)))
                if len(heard) == 5:
                    break
    assert [one.kind.value for one in heard] == ["job", "state", "count", "job", "state"]
    jobs = [one.message for one in heard if isinstance(one.message, Job)]
    assert {job.work_order for job in jobs} == {"WO-1"}


async def example(url: str, work_order: str) -> asyncio.subprocess.Process:
    """The Python example, making one piece at once."""
    return await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLES / "machine.py"), url, work_order, "1", "0"
    )
