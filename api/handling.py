"""How an operation is done, beside where and how fast, as requests and answers say it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, Strict
from pydantic_core import PydanticCustomError

from api.alternatives import SetupMs
from api.fields import Body, Code, Number, Quantity
from domain.master_data.needs import read_need, written
from store import catalogue
from store.database import Connection
from store.errors import UnknownReferenceError
from store.planning import resources

_ONE = catalogue.Handling().batch_room


def _need(text: str) -> str:
    try:
        return written(text)
    except ValueError as error:
        raise PydanticCustomError("need", "{problem}", {"problem": str(error)}) from error


Need = Annotated[str, Field(min_length=1, max_length=120), AfterValidator(_need)]
"""What work needs beside its machine: `welder`, `welder=2`, `setter@setup`."""


class Handling(Body):
    """How an operation is done. What is left out is as usual: interruptible, all at the end."""

    interruptible: Annotated[bool, Strict()] = Field(
        default=True, description="Whether a break may fall into it."
    )
    transfer_batch: Quantity | None = Field(
        default=None, description="So many pieces go on together; null: all when the last is made."
    )
    wait_ms: SetupMs = Field(default=0, description="How long pieces wait after it: cool, dry.")
    batch_family: Code | None = Field(
        default=None,
        description="What may be in an oven together. Then `cycle_ms` is that of a load.",
    )
    batch_room: Quantity = Field(
        default=_ONE, description="How much of the oven's `batch_capacity` a piece takes."
    )
    needs: list[Need] = Field(
        default=[],
        max_length=20,
        description="Skills of operators and tools: `welder`, `welder=2`, `setter@setup`.",
    )

    @property
    def stored(self) -> catalogue.Handling:
        """As rows have it."""
        return catalogue.Handling(
            interruptible=self.interruptible,
            transfer_batch=self.transfer_batch,
            wait_ms=self.wait_ms,
            batch_family=self.batch_family,
            batch_room=self.batch_room,
            needs=tuple(dict.fromkeys(sorted(self.needs))),
        )


class Handled(BaseModel):
    """How an operation is done; see `Handling` of a work order's operations."""

    interruptible: bool
    transfer_batch: Number | None
    wait_ms: int
    batch_family: str | None
    batch_room: Number
    needs: list[str]


def shown(handling: catalogue.Handling) -> Handled:
    """How an operation is done, as the API shows it."""
    return Handled.model_validate(handling, from_attributes=True)


async def known_needs(connection: Connection, site_id: int, handling: Handling, field: str) -> None:
    """Make sure that somebody or something at the site has what is needed.

    Raises:
        UnknownReferenceError: nobody has.
    """
    there = await resources.skills_at(connection, site_id) if handling.needs else {}
    for index, text in enumerate(handling.needs):
        need = read_need(text)
        if need.count > there.get(need.skill, 0):
            count = there.get(need.skill, 0)
            problem = f"the site has {count} of this skill, and {need.count} are needed"
            raise UnknownReferenceError(f"{field}.needs[{index}]", need.skill, problem)
