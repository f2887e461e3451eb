"""Grafana's dashboards: every panel's and variable's query runs as the reader of the views."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.reports.views import SCHEMA, VIEWS
from store.database import Connection

DEPLOY = Path(__file__).parents[2] / "deploy"
BOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
FROM, TO = "'2026-11-01T00:00:00Z'", "'2026-12-01T00:00:00Z'"


def board(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def filled(query: str) -> str:
    """The query as Grafana sends it: its macros and variables filled in."""
    query = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 BETWEEN {FROM} AND {TO}", query)
    query = query.replace("$__timeFrom()", FROM + "::timestamptz")
    query = query.replace("$__timeTo()", TO + "::timestamptz")
    return query.replace("${site:sqlstring}", "'hz','sz'")


def panels() -> Iterator[Any]:
    for path in BOARDS:
        for panel in board(path)["panels"]:
            yield pytest.param(panel, id=f"{path.stem}-{panel['id']}")


def test_there_are_the_five() -> None:
    assert [path.stem for path in BOARDS] == ["delays", "delivery", "load", "oee", "product"]
    uids = [board(path)["uid"] for path in BOARDS]
    assert len(set(uids)) == len(uids)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_panels_name_the_data_source_and_do_not_overlap(path: Path) -> None:
    source = yaml.safe_load(
        (DEPLOY / "grafana" / "provisioning" / "datasources" / "gemba.yaml").read_text()
    )["datasources"][0]
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in board(path)["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in board(path)["panels"]:
        assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
        assert panel["title"]
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_the_compose_file_gives_what_provisioning_asks_for() -> None:
    compose = yaml.safe_load((DEPLOY / "grafana.yml").read_text(encoding="utf-8"))
    grafana = compose["services"]["grafana"]
    provisioning = DEPLOY / "grafana" / "provisioning"
    texts = "".join(path.read_text() for path in provisioning.rglob("*.yaml"))
    assert set(re.findall(r"\$\{(\w+)\}", texts)) <= set(grafana["environment"])
    assert set(re.findall(r"/run/secrets/(\w+)", texts)) <= set(grafana["secrets"])
    assert set(grafana["secrets"]) == set(compose["secrets"])
    mounted = {volume.split(":")[1] for volume in grafana["volumes"]}
    assert (
        yaml.safe_load((provisioning / "dashboards" / "gemba.yaml").read_text())["providers"][0][
            "options"
        ]["path"]
        in mounted
    )
    for volume in grafana["volumes"]:
        source = volume.split(":")[0]
        assert not source.startswith("./") or (DEPLOY.parent / source).is_dir(), source


class TestQueries:
    @pytest.mark.parametrize("panel", panels())
    async def test_a_panel_s_query_runs_and_gives_what_the_panel_shows(
        self, reader: Connection, panel: dict[str, Any]
    ) -> None:
        for target in panel["targets"]:
            cursor = await reader.execute(filled(target["rawSql"]).encode())
            columns = [column.name for column in cursor.description or []]
            if target["format"] == "time_series":
                assert columns == ["time", "metric", "value"]
            for override in panel["fieldConfig"]["overrides"]:
                assert override["matcher"]["options"] in columns

    @pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
    async def test_variables_are_asked_of_the_views(self, reader: Connection, path: Path) -> None:
        for variable in board(path)["templating"]["list"]:
            await reader.execute(variable["query"].encode())

    @pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
    def test_nothing_but_the_views_is_asked(self, path: Path) -> None:
        for panel in board(path)["panels"]:
            for target in panel["targets"]:
                named = re.findall(r"(?:FROM|JOIN)\s+([\w.]+)", target["rawSql"])
                assert named, panel["title"]
                assert all(each.removeprefix(f"{SCHEMA}.") in VIEWS for each in named)
