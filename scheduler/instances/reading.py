"""Readers of the formats that the literature's instances come in.

`jobshop`: `scheduler.instances.job_shops`. `fjsp` and `fjsp-sdst`: `flexible_shops`. `json`:
`json_format`; planning problems as the API takes them are read by `problems`.
"""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Final

from scheduler.instances.bounds import horizon_of
from scheduler.instances.flexible_shops import flexible_shop
from scheduler.instances.instance import Instance
from scheduler.instances.job_shops import MOST_OPERATIONS, job_shop
from scheduler.instances.json_format import decode_instance
from scheduler.instances.text import InstanceError, lines_of

LARGEST: Final = 1 << 59
"""Every objective is smaller, so that 64 bits hold every sum."""

__all__ = ["Format", "InstanceError", "content_of", "parse", "read_instance"]


class Format(enum.StrEnum):
    """What a file can be."""

    JOBSHOP = "jobshop"
    FJSP = "fjsp"
    FJSP_SDST = "fjsp-sdst"
    JSON = "json"


def content_of(path: Path) -> bytes:
    """What a file holds.

    Raises:
        InstanceError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InstanceError(
            f"{path} cannot be read: {error.strerror or error}: is the path right?"
        ) from None


def read_instance(path: Path, kind: Format, *, machines_from: int | None = None) -> Instance:
    """The shop that a file describes.

    Raises:
        InstanceError: the file cannot be read, or is not of the format.
    """
    return parse(content_of(path), kind, name=path.name, machines_from=machines_from)


def parse(
    content: bytes, kind: Format, *, name: str = "input", machines_from: int | None = None
) -> Instance:
    """The shop that some bytes describe.

    Args:
        content: a file's.
        kind: its format.
        name: how messages call it.
        machines_from: the number of its first machine; None: what the file shows.

    Raises:
        InstanceError: it is not of the format.
    """
    instance = _parsed(content, kind, name, machines_from)
    operations = sum(len(job.operations) for job in instance.jobs)
    if operations > MOST_OPERATIONS:
        raise InstanceError(f"{name}: {operations} operations, {MOST_OPERATIONS} at most")
    weights = sum(job.weight for job in instance.jobs)
    if horizon_of(instance) * max(1, weights) > LARGEST:
        raise InstanceError(
            f"{name}: the times and weights together are too large to be added exactly: use a "
            "coarser unit of time"
        )
    return instance


def _parsed(content: bytes, kind: Format, name: str, said: int | None) -> Instance:
    """The same, before its sums are looked at."""
    if kind is Format.JSON:
        return decode_instance(content, name=name)
    lines = lines_of(content)
    if kind is Format.JOBSHOP:
        return job_shop(name, lines, said=said)
    return flexible_shop(name, lines, setups=kind is Format.FJSP_SDST, said=said)
