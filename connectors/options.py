"""What a caller may say about reading a document, whatever its format."""

from __future__ import annotations

import msgspec

from connectors.mapping import Mapping


class ReadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to read some bytes. The limits keep a hostile document as cheap as a friendly one.

    Attributes:
        source: who numbered the orders (`OrderDocument.source`); None: the document says so itself.
        max_bytes: more than that is not looked at (also of what a compressed file unfolds to).
        max_depth: nesting of elements.
        max_orders: orders in one file.
        max_lines: lines in one order.
        mapping: of a table's columns; None: guess it.
    """

    source: str | None = None
    max_bytes: int = 4 * 1024 * 1024
    max_depth: int = 64
    max_orders: int = 2_000
    max_lines: int = 10_000
    mapping: Mapping | None = None
