"""Workbooks for tests: made by openpyxl, or by hand where openpyxl would not make them."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import openpyxl

HEADER = ("Order No.", "Customer", "Item", "Quantity", "Unit", "Due date")


def workbook(
    *rows: Sequence[Any],
    header: Sequence[str] = HEADER,
    change: Callable[[Any], None] | None = None,
) -> bytes:
    """A workbook with a header and rows; `change` may do something to it before it is saved."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(header))
    for row in rows:
        sheet.append(list(row))
    if change is not None:
        change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_parts(content: bytes, **parts: bytes | None) -> bytes:
    """The same archive with parts replaced, added or (None) left out; `__` stands for `/`."""
    wanted = {name.replace("__", "/"): part for name, part in parts.items()}
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for member in old.infolist():
            if member.filename not in wanted:
                new.writestr(member, old.read(member))
        for name, part in wanted.items():
            if part is not None:
                new.writestr(name, part)
    return out.getvalue()


def part(content: bytes, name: str) -> bytes:
    """A part of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name)


def with_shared_strings(content: bytes) -> bytes:
    """The same workbook as Excel saves it: texts in a part of their own."""
    texts: list[bytes] = []

    def moved(match: re.Match[bytes]) -> bytes:
        texts.append(match.group(2))
        return b'<c r="%s" t="s"><v>%d</v></c>' % (match.group(1), len(texts) - 1)

    sheet = re.sub(
        rb'<c r="([A-Z]+\d+)" t="inlineStr"><is><t>([^<]*)</t></is></c>',
        moved,
        part(content, "xl/worksheets/sheet1.xml"),
    )
    items = b"".join(b"<si><t>%s</t></si>" % text for text in texts)
    override = (
        b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.'
        b'openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
    )
    types = part(content, "[Content_Types].xml").replace(b"</Types>", override)
    namespace = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return with_parts(
        content,
        **{
            "xl__worksheets__sheet1.xml": sheet,
            "xl__sharedStrings.xml": b'<sst xmlns="%s">%s</sst>' % (namespace, items),
            "[Content_Types].xml": types,
        },
    )
