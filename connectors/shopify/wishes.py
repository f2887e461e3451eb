"""What a shop's order says beyond its lines: urgency, a delivery day, words for people."""

from __future__ import annotations

from datetime import date
from typing import Any

from connectors.json_fields import Object, Report, objects_of, text_of

RUSH_TAGS = frozenset({"rush", "urgent", "express", "eilt", "urgente", "加急", "紧急"})
RUSH_PRIORITY = 100
"""Orders begin at 0; planners set what they want on top."""

DUE_ATTRIBUTES = frozenset(
    {"delivery date", "delivery day", "requested delivery date", "due date", "lieferdatum",
     "liefertermin", "fecha de entrega", "交货日期", "送货日期"}
)  # fmt: skip
_MAX_NOTES = 50
_MAX_NOTE_CHARACTERS = 4_000


def tags_of(order: Object) -> tuple[str, ...]:
    """The order's tags: one text, separated by commas."""
    told = order.get("tags")
    parts = told.split(",") if isinstance(told, str) else []
    return tuple(part.strip() for part in parts if part.strip())


def priority_of(order: Object) -> int | None:
    """Urgent if a tag says so; None: nothing is said."""
    urgent = any(tag.casefold() in RUSH_TAGS for tag in tags_of(order))
    return RUSH_PRIORITY if urgent else None


def _attributes(order: Object) -> list[tuple[int, str, str]]:
    """Additional details (note attributes): place, name, value."""
    found: list[tuple[int, str, str]] = []
    for place, one in enumerate(objects_of(order, "note_attributes")):
        attribute: Any = one
        if isinstance(attribute, dict):
            name, value = text_of(attribute, "name"), text_of(attribute, "value")
            if name and value:
                found.append((place, name, value))
    return found


def due_of(order: Object, place: str, report: Report) -> date | None:
    """The delivery day of an additional detail, as date pickers of shops write it."""
    for index, name, value in _attributes(order):
        if name.casefold().replace("-", " ").replace("_", " ") not in DUE_ATTRIBUTES:
            continue
        try:
            return date.fromisoformat(value.replace("/", "-")[:10])
        except ValueError:
            report.warning(
                "date_wrong", f"{place}.note_attributes[{index}].value",
                f"expected the {name!r} as YYYY-MM-DD", value,
            )  # fmt: skip
    return None


def notes_of(order: Object) -> tuple[str, ...]:
    """The customer's note and the additional details."""
    note = text_of(order, "note", limit=_MAX_NOTE_CHARACTERS)
    told = [note] if note else []
    told += [f"{name}: {value}" for _, name, value in _attributes(order)]
    return tuple(text[:_MAX_NOTE_CHARACTERS] for text in told[:_MAX_NOTES])
