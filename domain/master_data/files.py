"""Files of master data: YAML, a table, or a zip of both. A zip that grows is refused."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from domain.master_data.csv_text import read_csv
from domain.master_data.faults import Faults, Place
from domain.master_data.kinds import KINDS, Kind
from domain.master_data.merging import MasterData
from domain.master_data.nodes import Section
from domain.master_data.records import Record
from domain.master_data.writing import as_tables
from domain.master_data.yaml_text import read_yaml

MOST_FILES: Final = 100
MOST_UNPACKED: Final = 64 * 1024 * 1024
_PIECE: Final = 1024 * 1024
_FIXED_TIME: Final = (2000, 1, 1, 0, 0, 0)
_YAML: Final = (".yaml", ".yml", ".json")


def read_file(name: str, content: bytes, faults: Faults) -> list[Section]:
    """The sections of a file, by the ending of its name.

    Args:
        name: `….yaml`, `….yml`, `….json` (YAML all the same), `<kind>.csv` or `….zip`.
        content: the file.
        faults: where what is wrong goes.
    """
    lower = name.lower()
    if lower.endswith(_YAML):
        return read_yaml(name, content, faults)
    if lower.endswith(".csv"):
        return read_csv(lower.rsplit("/", 1)[-1].removesuffix(".csv"), name, content, faults)
    if lower.endswith(".zip"):
        return read_zip(name, content, faults)
    faults.add(Place(name), "is none of .yaml, .yml, .json, <kind>.csv and .zip")
    return []


def read_zip(name: str, content: bytes, faults: Faults) -> list[Section]:
    """The sections of all files in a zip; no zip may be within it."""
    sections: list[Section] = []
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for inner, bytes_ in _unpacked(archive, name, faults):
                if inner.lower().endswith(".zip"):
                    faults.add(Place(inner), "is a zip within a zip; put its files in directly")
                else:
                    sections += read_file(inner, bytes_, faults)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        faults.add(Place(name), f"cannot be unpacked: {error}")
    return sections


def _unpacked(archive: zipfile.ZipFile, name: str, faults: Faults) -> Iterator[tuple[str, bytes]]:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) > MOST_FILES:
        faults.add(Place(name), f"holds {len(members)} files; give at most {MOST_FILES}")
        return
    left = MOST_UNPACKED
    for member in members:
        pieces = []
        with archive.open(member) as packed:
            # What the directory says of sizes is not believed: it is read up to the limit.
            while piece := packed.read(min(_PIECE, left + 1)):
                left -= len(piece)
                if left < 0:
                    size = MOST_UNPACKED // 1024**2
                    faults.add(Place(name), f"unpacks to more than {size} MiB; give it in parts")
                    return
                pieces.append(piece)
        yield member.filename, b"".join(pieces)


def write_zip(data: MasterData, kinds: Iterable[Kind[Record]] = KINDS) -> bytes:
    """A zip of tables; the same records make the same bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, text in as_tables(data, kinds).items():
            member = zipfile.ZipInfo(file, _FIXED_TIME)
            member.compress_type = zipfile.ZIP_DEFLATED
            # With the mark by which spreadsheets know UTF-8.
            archive.writestr(member, text.encode("utf-8-sig"))
    return target.getvalue()
