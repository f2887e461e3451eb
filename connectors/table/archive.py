"""Whether a workbook may be opened at all: judged by its directory, before anything is unpacked."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib

from connectors.problems import whole_file
from connectors.table.text import UnreadableError
from domain.documents import Problem

MAX_MEMBERS = 1_000
MAX_RATIO = 200
UNFOLDED = 16
"""How many times `max_bytes` a workbook may unfold to."""

_FREE_OF_RATIO = 1_048_576
"""A small member may be as empty as it likes."""
_MAX_PART_BYTES = 4_194_304
"""Of a part that is read as a tree: styles, relations, the list of sheets."""
_MAX_ELEMENTS = 1_000_000
_CHUNK = 262_144

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STREAMED = re.compile(r"xl/(?:worksheets/[^/]+|sharedStrings)\.xml", re.IGNORECASE)
_NESTED = re.compile(r"\.(?:zip|7z|rar|gz|bz2|xz|tar|jar|xls[xmb]?|ods)$", re.IGNORECASE)
_DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def opened(content: bytes, max_unfolded: int) -> zipfile.ZipFile:
    """The archive of a workbook that is safe to read.

    Raises:
        UnreadableError: it is no workbook, is protected, or would unfold too far.
    """
    if content.startswith(_OLE):
        raise UnreadableError(_old(content))
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, IndexError) as fault:
        raise UnreadableError(
            whole_file(
                "not_a_workbook",
                f"this is no xlsx workbook ({fault}); save it as Excel workbook (.xlsx) or as CSV",
            )
        ) from fault
    _judge_directory(members, max_unfolded)
    _judge_kind({member.filename for member in members})
    _judge_markup(archive, members)
    return archive


def _old(content: bytes) -> Problem:
    """What an OLE file is: a workbook with a password, or one of Excel 97."""
    if "EncryptedPackage".encode("utf-16le") in content:
        return whole_file(
            "workbook_encrypted",
            "the workbook is protected with a password; open it, remove the password (File, Info,"
            " Protect Workbook) and save it again",
        )
    return whole_file(
        "workbook_old",
        "this is a workbook of Excel 97–2003 (.xls); save it as Excel workbook (.xlsx) or as CSV",
    )


def _judge_directory(members: list[zipfile.ZipInfo], limit: int) -> None:
    if len(members) > MAX_MEMBERS:
        raise UnreadableError(
            whole_file(
                "too_many_members",
                f"the workbook has {len(members)} parts, and no more than {MAX_MEMBERS} are read",
            )
        )
    total = sum(member.file_size for member in members)
    if total > limit:
        raise UnreadableError(
            whole_file(
                "unfolds_too_far",
                f"the workbook unfolds to {total} bytes, and no more than {limit} are read; send it"
                " in parts",
            )
        )
    for member in members:
        _judge_member(member)


def _judge_member(member: zipfile.ZipInfo) -> None:
    name = member.filename[:200]
    if member.flag_bits & 0x1:
        raise UnreadableError(
            whole_file(
                "workbook_encrypted", "a part of the workbook is encrypted", place=f"part {name}"
            )
        )
    ratio = member.file_size / max(member.compress_size, 1)
    if member.file_size > _FREE_OF_RATIO and ratio > MAX_RATIO:
        raise UnreadableError(
            whole_file(
                "unfolds_too_far",
                f"this part unfolds to {member.file_size} bytes, {ratio:.0f} times its size: that"
                " is how archives are made that fill a machine, and it is not opened",
                place=f"part {name}",
            )
        )
    if _NESTED.search(member.filename):
        raise UnreadableError(
            whole_file(
                "nested_archive",
                "the workbook holds another file that would have to be unpacked; remove the"
                " embedded file and save it again",
                place=f"part {name}",
            )
        )
    is_tree = name.lower().endswith((".xml", ".rels")) and not _STREAMED.fullmatch(name)
    if is_tree and member.file_size > _MAX_PART_BYTES:
        raise UnreadableError(
            whole_file(
                "unfolds_too_far",
                f"this part has {member.file_size} bytes, and no more than {_MAX_PART_BYTES} are"
                " read of its kind; copy the cells into a new workbook",
                place=f"part {name}",
            )
        )


def _judge_kind(names: set[str]) -> None:
    if "xl/workbook.bin" in names:
        raise UnreadableError(
            whole_file(
                "workbook_binary",
                "this is a binary workbook (.xlsb); save it as Excel workbook (.xlsx) or as CSV",
            )
        )
    if "content.xml" in names and "mimetype" in names:
        raise UnreadableError(
            whole_file(
                "workbook_open_document",
                "this is an OpenDocument spreadsheet (.ods); save it as Excel workbook (.xlsx) or"
                " as CSV",
            )
        )
    if "[Content_Types].xml" not in names:
        raise UnreadableError(
            whole_file("not_a_workbook", "this is an archive, and no workbook; send the xlsx file")
        )


def _judge_markup(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
    """No part declares entities, and none has more elements than reading it may cost.

    A part is read in pieces; what its directory entry says of its size binds the reader.
    """
    for member in members:
        if not member.filename.lower().endswith((".xml", ".rels")):
            continue
        elements = 0
        rest = b""
        try:
            with archive.open(member) as part:
                while piece := part.read(_CHUNK):
                    # Every second byte of UTF-16 is zero here: markup is ASCII in either.
                    seen = rest + piece.replace(b"\x00", b"")
                    elements += seen.count(b"<") - rest.count(b"<")
                    if _DOCTYPE.search(seen):
                        raise UnreadableError(
                            whole_file(
                                "doctype_forbidden",
                                "the workbook declares a document type or entities; no spreadsheet"
                                " does that, and it is not opened",
                                place=f"part {member.filename[:200]}",
                            )
                        )
                    rest = seen[-16:]
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            ValueError,
            RuntimeError,
            NotImplementedError,
            struct.error,
        ) as fault:
            raise UnreadableError(
                whole_file(
                    "workbook_damaged",
                    f"a part of the workbook cannot be unpacked ({fault}); save it again",
                    place=f"part {member.filename[:200]}",
                )
            ) from fault
        if elements > _MAX_ELEMENTS:
            raise UnreadableError(
                whole_file(
                    "too_many_cells",
                    f"this part has more than {_MAX_ELEMENTS} elements; send it in parts",
                    place=f"part {member.filename[:200]}",
                )
            )
