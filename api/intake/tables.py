"""Column mappings: remembered by name, or by the channel that a table comes in by."""

from __future__ import annotations

from http import HTTPStatus

import msgspec
from pydantic import ValidationError

from api.errors import FieldProblem, ProblemError
from api.intake.schemas import ColumnMapping
from connectors.mapping import Mapping
from connectors.registry import TABLES
from domain.documents import Format
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.intake import mappings
from store.intake.channels import ChannelRow


def told_mapping(columns: str) -> Mapping:
    """A mapping that a request holds itself.

    Raises:
        ProblemError: it is none (422).
    """
    try:
        wanted = ColumnMapping.model_validate_json(columns)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(("columns", *map(str, first["loc"])))
        problem = FieldProblem(field=place, value=None, problem=str(first["msg"]))
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid",
            f"{place}: {problem.problem}",
            errors=[problem],
        ) from error
    return msgspec.convert(wanted.model_dump(mode="json"), Mapping)


async def known_mapping(
    connection: Connection, spoken: Format, name: str | None, channel: ChannelRow | None
) -> Mapping | None:
    """The mapping that somebody names, else the channel's; None: the columns are guessed.

    Raises:
        NotFoundError: there is no such mapping.
        ConflictError: the format has no columns.
    """
    if name is not None and spoken not in TABLES:
        raise ConflictError(f"documents of {spoken} have no columns, so they take no mapping")
    if name is None and channel is not None and spoken in TABLES:
        name = channel.settings.get("mapping")
    if name is None:
        return None
    row = await mappings.mapping(connection, name)
    if row is None:
        raise NotFoundError("column mapping", name)
    return msgspec.convert(row.mapping, Mapping)
