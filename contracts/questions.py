"""Questions to the planner, each with an answer: what crosses the request/reply port.

Whoever asks (the API) and who answers (a scheduler) meet in Redis, `store.questions` is the way
there and back. A question changes nothing, so it may be asked again at any time. Both sides are
tagged unions in MessagePack: `ask` says what is asked, `answer` what came of it. Durations and
moments are (epoch) milliseconds; machines are named by their ids, jobs of a question by their place
in it.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from contracts.new_work import NewWork
from contracts.what_if import PlanningAnswer, PlanningQuestion


class PromiseQuestion(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="promise"):
    """When could these works be ready, without hurting others, and at what cost to others sooner?

    Attributes:
        works: a work after those it is made of; never empty. What one is given is taken for the
            next. One that no other is made of is asked for itself.
        release_within_ms: the answer holds if the work is released within this time: nothing of it
            starts earlier, and what is frozen by then stays where it is.
        priority: of the order; decides, by the scope's policy, whom it may put off at a cost.
            None: that of a rush order.
        due_ms: by when it is wanted. With one, a date with a cost is looked for only if it is
            missed without, and the cheapest by then is told; else the earliest.
    """

    works: tuple[NewWork, ...]
    release_within_ms: int = 0
    priority: int | None = None
    due_ms: int | None = None


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """On which plan an answer stands.

    Attributes:
        plan_id, number: the plan in force when it was given; None: the scope has none.
        as_of_ms: the moment it was worked out for; what the floor has told by then counts.
        pending: whether another plan is on its way: something has happened that no plan answers
            yet, or a draft waits for somebody.
    """

    plan_id: int | None
    number: int | None
    as_of_ms: int
    pending: bool


class PlacedOperation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where an asked operation would go.

    Attributes:
        job, number: which one: the work's place in the question, the operation's number.
        ready_ms: from when on it could have been worked on.
        waits_ms: by how much it would end earlier if nobody else needed that machine, nor the
            people and tools with it.
        resource: the people or tools that it waits for, if it does.
        resource_ms: how much of the waiting is for them.
    """

    job: int
    number: int
    machine: int
    ready_ms: int
    setup_start_ms: int
    start_ms: int
    end_ms: int
    waits_ms: int = 0
    resource: str | None = None
    resource_ms: int = 0


class PutOff(msgspec.Struct, frozen=True, kw_only=True):
    """Work that would end later.

    Attributes:
        order: whose; None: no customer's order.
        work_order: its number; of several of an order the one that loses most.
        by_ms: by how much later it ends.
        late_ms: how late it is then; 0: in time, or nothing is due.
    """

    order: str | None
    work_order: str
    by_ms: int
    late_ms: int


class WithoutHarm(msgspec.Struct, frozen=True, kw_only=True):
    """The earliest date that moves nobody: everything else starts and ends when it did.

    That is checked: nothing of the plan in force stands elsewhere in the plan with the new work,
    and the independent validator accepts it.

    Attributes:
        ends_ms: when each work is there, by its place in the question.
        made: whether it is made; False: waiting for it, or buying it, is no later
            (`NewWork.otherwise_ms`), or what it is for is not made.
        operations: where they would go.
    """

    ends_ms: tuple[int, ...]
    made: tuple[bool, ...]
    operations: tuple[PlacedOperation, ...]


class WithCost(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier date, and what it costs others.

    Attributes:
        ends_ms: when each work is there.
        made: whether it is made.
        operations: where they would go.
        cost: by how much the policy's objective rises, the new work aside.
        later: who ends later, the most first.
        priority: the priority that the order needs for it.
    """

    ends_ms: tuple[int, ...]
    made: tuple[bool, ...]
    operations: tuple[PlacedOperation, ...]
    cost: int
    later: tuple[PutOff, ...]
    priority: int


class Promised(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="promised"):
    """Dates for the asked works.

    Attributes:
        in_force: on which plan they stand.
        valid_until_ms: they hold if the work is released by then and nothing happens meanwhile.
        with_cost: None: nobody can be put off, or it would not be sooner.
    """

    in_force: InForce
    valid_until_ms: int
    without_harm: WithoutHarm
    with_cost: WithCost | None = None


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="refused"):
    """The planner cannot say.

    Attributes:
        code: why: `unknown_machine`, `no_resource` (there are never so many people or tools),
            `no_plan` (the scope's work contradicts itself), `too_long` (calendars are not told for
            so long), `not_supported` (nobody answers such questions, or the validator refuses what
            was found),
            `broken` (a mistake in the planner; it is in its log).
        detail: the same for people, with names and values.
        params: the values for programs.
    """

    code: str
    detail: str
    params: dict[str, str] = {}


Question: TypeAlias = PromiseQuestion | PlanningQuestion
"""All that can be asked; further questions join here."""

Answer: TypeAlias = Promised | Refused | PlanningAnswer
"""All that can be answered."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question on its way to whoever answers for its scope."""

    id: str
    scope: str
    question: Question
