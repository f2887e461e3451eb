"""The how-to of Kingdee and Yonyou: its links, codes, options and samples are real."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connectors import kingdee, yonyou
from connectors.options import ReadOptions
from launch.cli_orders import app

ROOT = Path(__file__).resolve().parents[2]
HOWTO = ROOT / "docs" / "howto"
TEXTS = [HOWTO / f"connect-kingdee-and-yonyou{language}.md" for language in ("", ".zh-CN")]


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
class TestTexts:
    def test_their_links_lead_somewhere(self, text: Path) -> None:
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text.read_text(encoding="utf-8"))
        assert len(links) >= 5
        for link in links:
            assert (text.parent / link).exists(), link

    def test_their_codes_exist(self, text: Path) -> None:
        paths = [*(ROOT / "connectors").glob("*.py"), *(ROOT / "connectors").glob("[ky]*/*.py")]
        code = "".join(path.read_text(encoding="utf-8") for path in paths)
        rows = re.findall(
            r"^\| (`[a-z_]+`[^|]*) \|", text.read_text(encoding="utf-8"), re.MULTILINE
        )
        named = re.findall(r"`([a-z_]+)`", " ".join(rows))
        assert len(named) >= 10
        for name in named:
            assert f'"{name}"' in code, name

    def test_their_options_exist(self, text: Path) -> None:
        told = text.read_text(encoding="utf-8")
        commands = re.findall(r"gemba orders poll (?:.*\\\n)*.*", told)
        assert len(commands) == 2
        offered = CliRunner().invoke(app, ["poll", "--help"], env={"COLUMNS": "200"}).output
        offered = re.sub(r"\x1b\[[0-9;]*m", "", offered)
        for option in re.findall(r"--[a-z-]+", " ".join(commands)):
            assert option in offered, option


def test_the_samples_are_read_without_a_problem() -> None:
    options = ReadOptions(source="erp:1")
    samples = HOWTO / "samples"
    for reader, name in ((kingdee.read, "kingdee-order.json"), (yonyou.read, "yonyou-order.json")):
        reading = reader((samples / name).read_bytes(), options)
        assert reading.problems == ()
        (order,) = reading.documents
        assert len(order.lines) == 2
