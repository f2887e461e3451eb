"""Column mappings: remembered by name, or by the channel that a table comes in by."""

from __future__ import annotations

import msgspec

from connectors.mapping import Mapping
from connectors.registry import TABLES
from domain.documents import Format
from store.database import Connection
from store.errors import ConflictError, NotFoundError
from store.intake import mappings
from store.intake.channels import ChannelRow


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
