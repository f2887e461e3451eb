"""Shapes of locks."""

from __future__ import annotations

from pydantic import Field

from api.fields import Body, Moment, Reason, Small, Wanted


class Lock(Body):
    """Where a planner wants an operation to be done, and not before when."""

    machine: Wanted = Field(description="The path of one of the machines that may do it.")
    not_before: Moment | None = Field(
        default=None, description="It does not start earlier. Null: whenever its turn comes."
    )
    turn: Small | None = Field(
        default=None,
        description="Its place among the machine's locked operations that have one, rising;"
        " others may come between them.",
    )
    reason: Reason | None = None
