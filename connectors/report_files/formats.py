"""Which files there are, and what they are called."""

from __future__ import annotations

import enum
import re
from typing import Final

from domain.reports.document import Document

_NOT_IN_NAMES: Final = re.compile(r"[^0-9A-Za-z._-]+")


class FileFormat(enum.StrEnum):
    """What a report can be had as."""

    CSV = "csv"
    XLSX = "xlsx"
    PDF = "pdf"

    @property
    def media_type(self) -> str:
        """For a `Content-Type`."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES: Final = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileFormat.PDF: "application/pdf",
}


def file_name(document: Document, kind: FileFormat) -> str:
    """A name in plain ASCII: report, scope, period: `delivery_hz_2026-11-01_2026-11-30.pdf`."""
    scope = [name for _, name in document.scope if name.isascii()]
    days = dict.fromkeys((document.first.isoformat(), document.last.isoformat()))
    parts = [document.code, *scope[-1:], *days]
    return "_".join(_NOT_IN_NAMES.sub("-", part).strip("-") for part in parts) + f".{kind.value}"
