"""The problems of one IDoc, by path, and whether one of them keeps it out."""

from __future__ import annotations

from connectors.problems import Problems
from connectors.sap_idoc.stream import Node
from domain.documents import Problem, Severity


class Report:
    """Takes down what is wrong with one document."""

    def __init__(self, problems: Problems, document: str) -> None:
        self._problems = problems
        self.document = document
        self.has_errors = False

    def error(
        self, code: str, node: Node, field: str, problem: str, *, value: str | None = None
    ) -> None:
        """The document is not taken in because of this."""
        self.has_errors = True
        self._tell(Severity.ERROR, code, node, field, problem, value)

    def warning(
        self, code: str, node: Node, field: str, problem: str, *, value: str | None = None
    ) -> None:
        """Somebody has to look at this."""
        self._tell(Severity.WARNING, code, node, field, problem, value)

    def note(
        self, code: str, node: Node, field: str, problem: str, *, value: str | None = None
    ) -> None:
        """Said for completeness."""
        self._tell(Severity.NOTE, code, node, field, problem, value)

    def _tell(  # noqa: PLR0917 - the words of one sentence
        self,
        severity: Severity,
        code: str,
        node: Node,
        field: str,
        problem: str,
        value: str | None,
    ) -> None:
        told = value if value is not None else node.field(field) or None
        self._problems.add(
            Problem(
                severity=severity,
                code=code,
                place=f"{node.place}/{field}" if field else node.place,
                value=told,
                problem=problem,
                document=self.document,
            )
        )
