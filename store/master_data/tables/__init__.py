"""How the records of each kind stand in rows: statements to read, to put and to give up many.

`put` and `drop` take one parameter, a JSON list of records; names become ids by joins, so a record
whose names are not there is not put. Put again, what was given up is back.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from store.master_data.tables import items, partners, places, times
from store.master_data.tables.statements import Statements

STATEMENTS: Final[Mapping[str, Statements]] = MappingProxyType(
    places.STATEMENTS | times.STATEMENTS | items.STATEMENTS | partners.STATEMENTS
)
"""By the name of the kind."""
