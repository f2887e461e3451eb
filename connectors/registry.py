"""Which connector reads which format."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import MappingProxyType
from typing import Final, TypeAlias

from connectors.options import ReadOptions
from domain.documents import Format, Reading

Reader: TypeAlias = Callable[[bytes, ReadOptions], Reading]
"""`read` of a connector's package: pure, never raises for bad input."""

_READERS: Final = MappingProxyType(
    {
        Format.SAP_IDOC: ("connectors.sap_idoc", "read"),
        Format.X12: ("connectors.x12", "read"),
        Format.EDIFACT: ("connectors.edifact", "read"),
        Format.KINGDEE: ("connectors.kingdee", "read"),
        Format.YONYOU: ("connectors.yonyou", "read"),
        Format.SHOPIFY: ("connectors.shopify", "read"),
        Format.CSV: ("connectors.table", "read_csv"),
        Format.XLSX: ("connectors.table", "read_xlsx"),
    }
)
TABLES: Final = frozenset({Format.CSV, Format.XLSX})
"""Formats of which somebody has to say, or to guess, which column means what."""


def reader_of(spoken: Format) -> Reader:
    """The reader of a format; its package is imported when it is first needed."""
    package, name = _READERS[spoken]
    reader: Reader = getattr(importlib.import_module(package), name)
    return reader
