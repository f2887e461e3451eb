"""`gemba solve` and `gemba bench schedule` as people and programs call them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree.ElementTree import fromstring

import msgspec
import pytest

from domain.plan.plan import Assignment, Plan
from domain.plan.problem import Problem
from domain.plan.validator import violations
from launch.cli_solve import InstanceFormat
from scheduler.instances.comparing import family_subjects
from scheduler.instances.evaluation import faults, makespan
from scheduler.instances.instance import Piece
from scheduler.instances.reading import Format, InstanceError, parse

SHOP = b"3 3\n0 3 1 2 2 2\n0 2 2 1 1 4\n1 4 2 3 0 1\n"


def gemba(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "launch", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,  # compiling included
    )


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "three & <three>.txt"
    path.write_bytes(SHOP)
    return path


def test_formats_are_the_reader_s() -> None:
    assert [each.value for each in InstanceFormat] == [each.value for each in Format]


def test_json_and_a_picture(shop: Path, tmp_path: Path) -> None:
    picture = tmp_path / "plan.svg"
    words = ("--time-limit", "5", "--seed", "4", "--workers", "2", "--json", "--gantt")
    told = gemba("solve", str(shop), "--format", "jobshop", *words, str(picture))
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    # The work of machine 1 (2 + 4 + 4) and what cannot be beside it: proven by CP-SAT once.
    assert answer["status"] == "optimal"
    assert answer["makespan"] == answer["lower_bound"] == 11
    assert 0 <= answer["first_feasible_s"] <= answer["wall_s"]
    pieces = tuple(Piece(**each) for each in answer["schedule"])
    instance = parse(SHOP, Format.JOBSHOP)
    assert not faults(instance, pieces)
    assert makespan(pieces) == 11
    drawn = fromstring(  # noqa: S314 - we have written it
        picture.read_text(encoding="utf-8")
    )
    titles = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == 9
    assert "three & <three>.txt" in (drawn.get("aria-label") or "")


def test_what_is_wrong_is_said_in_one_line(shop: Path, tmp_path: Path) -> None:
    for words in (
        (str(shop), "--format", "fjsp"),
        (str(tmp_path / "nothing"), "--format", "json"),
        (str(tmp_path), "--format", "jobshop"),
        (str(shop), "--format", "jobshop", "--gantt", str(tmp_path / "no" / "folder.svg")),
    ):
        told = gemba("solve", *words, "--time-limit", "0.1")
        assert told.returncode == 2
        assert told.stderr.startswith("gemba: ")
        assert "Traceback" not in told.stderr
        assert told.stdout == ""


def test_which_machine_is_the_first_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "flexible.fjs"
    path.write_bytes(b"1 3 1\r\n1 1 1 4\r\n")
    cases: tuple[tuple[tuple[str, ...], int], ...] = (((), 0), (("--machines-from", "0"), 1))
    for said, machine in cases:
        told = gemba("solve", str(path), "--format", "fjsp", "--time-limit", "0.1", "--json", *said)
        assert told.returncode == 0, told.stderr
        answer = json.loads(told.stdout)
        assert answer["machines_from"] == 1 - machine
        assert answer["schedule"] == [
            {"job": 0, "operation": 0, "machine": machine, "start": 0, "end": 4}
        ]


def problem(**changes: object) -> dict[str, object]:
    """Two jobs through an oven that takes both at once, then to a machine with one operator."""
    minute, now = 60_000, 1_800_000_000_000
    operations: list[dict[str, object]] = []
    for job in (1, 2):
        baked = {"id": 10 * job, "job": job, "batch_family": "bread"}
        operations.append(baked | {"modes": [{"machine": 7, "duration_ms": 5 * minute}]})
        mode = {"machine": 9, "duration_ms": 4 * minute, "needs": [{"resource": 3}]}
        after = [{"operation": 10 * job}]
        operations.append({"id": 10 * job + 1, "job": job, "modes": [mode], "after": after})
    return {
        "now_ms": now,
        "machines": [{"id": 7, "batch_units": 2}, {"id": 9}],
        "jobs": [{"id": job, "due_ms": now + 60 * minute} for job in (1, 2)],
        "resources": [{"id": 3, "kind": "operator"}],
        "operations": operations,
    } | changes


def test_a_planning_problem_with_people_and_an_oven(tmp_path: Path) -> None:
    path, picture = tmp_path / "problem.json", tmp_path / "plan.svg"
    told_problem = problem()
    for document in (told_problem, {"problem": told_problem, "time_limit_ms": 100}):
        path.write_text(json.dumps(document))
        words = ("--time-limit", "1", "--json", "--gantt", str(picture))
        told = gemba("solve", str(path), "--format", "json", *words)
        assert told.returncode == 0, told.stderr
        answer = json.loads(told.stdout)
        assert answer["status"] in {"feasible", "optimal"}
        assert answer["makespan"] == 13 * 60_000
        plan = Plan(
            tuple(
                Assignment(
                    operation=ids["operation"],
                    machine=ids["machine"],
                    setup_start_ms=ids["setup_start"],
                    start_ms=piece["start"],
                    end_ms=piece["end"],
                )
                for piece, ids in zip(answer["schedule"], answer["ids"], strict=True)
            )
        )
        assert violations(msgspec.convert(told_problem, Problem), plan) == []
        places = {(each["job"], each["operation"]): each["machine"] for each in answer["schedule"]}
        assert places == {(0, 0): 0, (0, 1): 1, (1, 0): 0, (1, 1): 1}
        assert "<rect" in picture.read_text(encoding="utf-8")


def test_a_planning_problem_that_cannot_be_planned(tmp_path: Path) -> None:
    path = tmp_path / "problem.json"
    path.write_text(json.dumps(problem(resources=[{"id": 3, "kind": "operator", "capacity": 0}])))
    told = gemba("solve", str(path), "--format", "json", "--time-limit", "0.5", "--json")
    assert told.returncode == 0, told.stderr
    answer = json.loads(told.stdout)
    assert answer["status"] == "infeasible"
    assert answer["schedule"] == []
    assert any("there are 0 of resource 3" in each for each in answer["conflicts"])
    path.write_text(json.dumps(problem(machines=[{"id": 7}]), indent=1))
    told = gemba("solve", str(path), "--format", "json")
    assert told.returncode == 2
    assert "problem.json, line " in told.stderr
    assert "there is no machine 9" in told.stderr


def test_families_are_made_of_the_folders_and_grown(tmp_path: Path) -> None:
    for name in ("jobshop", "fjsp_sdst"):
        (tmp_path / name).mkdir()
    (tmp_path / "jobshop" / "ft06.txt").write_bytes(SHOP)
    (tmp_path / "fjsp_sdst" / "small.fjs").write_bytes(
        b"1 1 1\n3 1 1 10 1 1 20 1 1 30\n0 4 9\n5 0 7\n6 8 0\n"
    )
    found = family_subjects([tmp_path], ["setups", "tardiness-1.3"])
    assert [each.group for each in found] == [
        "fjsp_sdst",
        "fjsp_sdst x5",
        "fjsp_sdst x15",
        "jobshop tardiness 1.3",
    ]
    assert [len(each.instance.jobs) for each in found] == [1, 5, 15, 3]
    assert found == family_subjects([tmp_path], ["setups", "tardiness-1.3"])
    entries = [entry for row in found[1].instance.setups[0] for entry in row]
    assert min(entries) >= 3
    assert max(entries) <= 12
    lasts = [t.alternatives[0].duration for job in found[2].instance.jobs for t in job.operations]
    assert min(lasts) >= 8
    assert max(lasts) <= 36
    assert len(set(lasts)) > 3
    assert [job.weight for job in found[3].instance.jobs] == [4, 2, 2]
    with pytest.raises(InstanceError, match="known are jobshop, fjsp"):
        family_subjects([tmp_path], ["ovens"])


def test_a_comparison(shop: Path) -> None:
    words = ("--time-limit", "0.5", "--seed", "7", "--seed", "8", "--due", "1.2", "--json")
    told = gemba(
        "bench", "schedule", str(shop.parent), "--system", "gemba", "--system", "cp_sat", *words
    )
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert {row["system"] for row in found["rows"]} == {"gemba", "cp_sat"}
    assert all(len(row["values"]) == 2 for row in found["rows"])
    assert all(each["mean_gap_percent"] == 0 for each in found["summaries"])
    assert all(each["best_in"] == each["instances"] for each in found["summaries"])
