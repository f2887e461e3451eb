"""docs/howto/master-data.md shows its files, and every command does what the text says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from demo_factory import demo_factory

from api.service import build
from domain.master_data.faults import Faults
from domain.master_data.files import read_file
from domain.master_data.judging import judge
from domain.master_data.kinds import ITEMS, KINDS
from domain.master_data.merging import MasterData, merge
from domain.master_data.reading import read_sections
from runtime.settings import ApiSettings

ROOT = Path(__file__).resolve().parents[2]
HOWTO = ROOT / "docs" / "howto"
FACTORY = HOWTO / "samples" / "appliance-factory.yaml"
SHOWN = re.compile(r"^<!-- (samples/\S+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^gemba (master-data .*?)(?:\s+#.*)?$", re.MULTILINE)


@pytest.mark.parametrize("name", ["master-data.md", "master-data.zh-CN.md"])
def test_the_texts_show_the_samples_and_name_every_kind(name: str) -> None:
    text = (HOWTO / name).read_text()
    shown = SHOWN.findall(text)
    assert [file for file, _ in shown] == ["samples/small.yaml", "samples/shifts.yaml"]
    for file, content in shown:
        assert content == (HOWTO / file).read_text()
    for kind in KINDS:
        assert f"`{kind.name}`" in text, kind.name
    for link in re.findall(r"\]\((samples/[^)]+)\)", text):
        assert (HOWTO / link).exists(), link


def test_the_sample_is_the_demo_s_factory() -> None:
    faults = Faults()
    document = read_sections(read_file("a.yaml", FACTORY.read_bytes(), faults), faults)
    wanted = merge(MasterData(), document, faults)
    judge(wanted, faults)
    assert faults.sorted() == []
    ours = demo_factory()
    for kind in KINDS:
        expected = ours.of(kind)
        there = wanted.records.of(kind)
        assert {key: there.get(key) for key in expected} == expected, kind.name
    assert len(wanted.records.of(ITEMS)) > len(ours.of(ITEMS))


class Served:
    """The API on a port, and the command line that finds it."""

    def __init__(self, settings: ApiSettings, port: int) -> None:
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("GEMBA_")
        } | {
            "GEMBA_DATA_DIR": str(settings.data_dir),
            "GEMBA_DATABASE_URL": settings.database_url.get_secret_value(),
            "GEMBA_REDIS_URL": settings.redis_url.get_secret_value(),
            "GEMBA_MQTT_URL": "mqtt://127.0.0.1:1",
            "GEMBA_HTTP_PORT": str(port),
            "PYTHONPATH": str(ROOT),
        }

    async def gemba(self, *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "launch", *arguments],
            cwd=cwd,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
async def served(settings: ApiSettings) -> AsyncIterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(
            uvicorn.Config(build(settings), log_config=None, ws="websockets-sansio")
        )
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110 - uvicorn tells of it by a flag
            await asyncio.sleep(0.05)
        yield Served(settings, listening.getsockname()[1])
        server.should_exit = True
        await serving


async def test_every_command_of_the_text_works(served: Served, tmp_path: Path) -> None:
    commands = [line.split() for line in COMMAND.findall((HOWTO / "master-data.md").read_text())]
    assert len(commands) == 6
    for command in commands:
        told = [word.replace("docs/howto", str(HOWTO)) for word in command]
        done = await served.gemba(*told, cwd=tmp_path)
        assert done.returncode == 0, (command, done.stderr)
    with zipfile.ZipFile(tmp_path / "tables.zip") as archive:
        assert archive.namelist() == ["items.csv", "bills.csv"]
    done = await served.gemba("master-data", "import", str(tmp_path / "plant.yaml"), "--json")
    assert json.loads(done.stdout)["total_changes"] == 0
    done = await served.gemba("master-data", "import", str(HOWTO / "samples" / "small.yaml"))
    assert done.returncode == 0, done.stderr
    assert re.search(r"^items +2 +0 +0 +0$", done.stdout, re.MULTILINE)
    done = await served.gemba("master-data", "export", "--kinds", "suppliers")
    assert done.stdout.splitlines()[2:4] == ["suppliers:", "- code: JINGDA"]


async def test_faults_are_told_as_compilers_do(served: Served, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("items:\n- code: a\n  name: A\n  unit: pc\n- code: b\n")
    done = await served.gemba("master-data", "import", str(bad))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "bad.yaml:4:9: unit is none we know, maybe 'pcs' (pc)",
        "bad.yaml:5:3: a new item must also say: name",
        "gemba: Nothing was changed.",
    ]
    done = await served.gemba("master-data", "import", str(bad), "--dry-run", "--json")
    assert done.returncode == 1
    assert [fault["line"] for fault in json.loads(done.stdout)["faults"]] == [4, 5]
    tables = tmp_path / "tables"
    tables.mkdir()
    (tables / "items.csv").write_text("code,name\nx,X\n")
    (tables / "bills.csv").write_text("item,version,component,quantity\nx,1,y,1\n")
    done = await served.gemba("master-data", "import", str(tables))
    told = done.stderr.splitlines()
    assert told[0] == "bills.csv:2:3: there is no item 'y'; add it to items (y)"
    done = await served.gemba("master-data", "import", str(tmp_path / "plant.txt"))
    assert done.returncode == 2
