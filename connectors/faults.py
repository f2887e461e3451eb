"""What is wrong with a segment, for people (`Problem`) and for the standards' acknowledgements."""

from __future__ import annotations

import enum
from operator import itemgetter
from typing import TypedDict, Unpack

import msgspec

from connectors.segments import Segment, clean
from domain.documents import Problem, Severity

MAX_VALUE_CHARACTERS = 200
MAX_PER_DOCUMENT = 200
"""Faults told of one document; further ones of the same kind teach nobody anything."""


class Level(enum.StrEnum):
    """What a fault is a fault of, as acknowledgements tell them apart."""

    INTERCHANGE = "interchange"
    GROUP = "group"
    MESSAGE = "message"
    SEGMENT = "segment"
    ELEMENT = "element"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A fault with its place.

    Attributes:
        standard: the code that the standard's acknowledgement has for it at its level (X12: 716,
            718, 720, 723; EDIFACT: 0085); "": it has none, and the fault is told to people only.
        tag: of the segment it is about, also where that one is missing.
    """

    severity: Severity
    level: Level
    code: str
    problem: str
    segment: Segment | None = None
    tag: str = ""
    element: int = 0
    component: int = 0
    value: str | None = None
    standard: str = ""

    def place(self, header: Segment | None) -> str:
        """Where it stands: `segment 14 (PO1), element 2, byte 523, line 14, 12 in ST 0003`."""
        if self.segment is None:
            return "whole file"
        parts = [f"segment {self.segment.number} ({self.segment.tag or '?'})"]
        if self.element:
            component = f"-{self.component}" if self.component else ""
            parts.append(f"element {self.element}{component}")
        parts.append(f"byte {self.segment.element_offset(self.element)}")
        parts.append(f"line {self.segment.line}")
        if header is not None and self.level in (Level.MESSAGE, Level.SEGMENT, Level.ELEMENT):
            position = self.segment.number - header.number + 1
            name = header.get(2) if header.tag == "ST" else header.get(1)
            parts.append(f"{position} in {header.tag} {name}".rstrip())
        return ", ".join(parts)

    def told(self, document: str | None, header: Segment | None = None) -> Problem:
        """The fault as people read it."""
        value = self.value
        if value is None and self.segment is not None and self.element:
            value = self.segment.get(self.element) or None
        return Problem(
            severity=self.severity,
            code=self.code,
            place=self.place(header),
            value=clean(value[:MAX_VALUE_CHARACTERS]) if value is not None else None,
            problem=self.problem,
            document=document,
        )


class Where(TypedDict, total=False):
    """Where a fault stands within its segment, and what acknowledgements call it."""

    level: Level
    element: int
    component: int
    standard: str
    value: str | None
    tag: str


class Faults:
    """The faults of one document, or of what surrounds documents.

    Only so many are kept; that there were more, and that one of them was an error, is not lost.
    """

    def __init__(self, header: Segment | None = None) -> None:
        self.header = header
        self.kept: list[Fault] = []
        self.left_out = 0
        self.has_errors = False

    def add(self, fault: Fault) -> None:
        """Take a fault down."""
        is_first_error = fault.severity is Severity.ERROR and not self.has_errors
        self.has_errors |= fault.severity is Severity.ERROR
        if len(self.kept) < MAX_PER_DOCUMENT or is_first_error:
            self.kept.append(fault)
        else:
            self.left_out += 1

    def error(
        self, code: str, problem: str, segment: Segment | None, **where: Unpack[Where]
    ) -> None:
        """The document is not taken in because of this."""
        self._tell(Severity.ERROR, code, problem, segment, where)

    def warning(
        self, code: str, problem: str, segment: Segment | None, **where: Unpack[Where]
    ) -> None:
        """The document is taken in, and somebody has to look at this."""
        self._tell(Severity.WARNING, code, problem, segment, where)

    def note(
        self, code: str, problem: str, segment: Segment | None, **where: Unpack[Where]
    ) -> None:
        """Said for completeness."""
        self._tell(Severity.NOTE, code, problem, segment, where)

    def _tell(
        self, severity: Severity, code: str, problem: str, segment: Segment | None, where: Where
    ) -> None:
        element = where.get("element", 0)
        self.add(
            Fault(
                severity=severity,
                level=where.get("level", Level.ELEMENT if element else Level.SEGMENT),
                code=code,
                problem=problem,
                segment=segment,
                tag=where.get("tag") or (segment.tag if segment is not None else ""),
                element=element,
                component=where.get("component", 0),
                value=where.get("value"),
                standard=where.get("standard", ""),
            )
        )

    def told(self, document: str | None) -> list[tuple[int, Problem]]:
        """All of them as people read them, each with the byte that it is about."""
        problems = [
            (
                fault.segment.offset if fault.segment is not None else 0,
                fault.told(document, self.header),
            )
            for fault in self.kept
        ]
        if self.left_out:
            offset, last = problems[-1]
            further = Problem(
                severity=Severity.WARNING,
                code="more_problems",
                place=last.place,
                problem=f"{self.left_out} further problems are not listed",
                document=document,
            )
            problems.append((offset, further))
        return problems


def in_order(problems: list[tuple[int, Problem]]) -> tuple[Problem, ...]:
    """Problems in the order of the bytes."""
    return tuple(problem for _, problem in sorted(problems, key=itemgetter(0)))
