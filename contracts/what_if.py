"""What-if: changes to what is planned, and what is asked and answered about them.

They cross the request/reply port of `contracts.questions`. Rows are named by their ids, moments and
durations are (epoch) milliseconds. What is answered is in the names that people know.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

import msgspec

from contracts.new_work import NewWork


class MachineDown(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="machine_down"):
    """A machine does not work for a time."""

    machine: int
    from_ms: int
    until_ms: int


class Overtime(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="overtime"):
    """A machine works in a time in which it would not."""

    machine: int
    from_ms: int
    until_ms: int


class Move(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="move"):
    """An operation is put on a machine: not before a moment, or right before another one there."""

    operation: int
    machine: int
    start_ms: int | None = None
    before: int | None = None


class MaterialAt(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="material"):
    """What an operation waits for is there at another moment."""

    operation: int
    at_ms: int


class OrderRaised(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="priority"):
    """An order has another priority: a rush order, or one no more."""

    order: int
    priority: Annotated[int, msgspec.Meta(ge=0, le=999)]


class OrderRemoved(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="remove_order"):
    """An order is not made, but for what the floor has begun."""

    order: int


class OrderAdded(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="add_order"):
    """An order that is not there yet is made, too."""

    name: str
    works: tuple[NewWork, ...]
    priority: Annotated[int, msgspec.Meta(ge=0, le=999)] = 0
    due_ms: int | None = None


class PolicyInstead(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="policy"):
    """Some fields of the policy are others (`domain.plan.policy.Policy`)."""

    fields: dict[str, Any]


class ResourceAway(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="resource_away"
):
    """An operator or a tool, by its row's id, is not there for a time.

    Attributes:
        count: how many of several alike; None: all of them.
    """

    resource: int
    from_ms: int
    until_ms: int
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None


class MoreOfResource(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="more_of_resource"
):
    """There is more of a tool, or of people with a skill, for a time.

    Attributes:
        resource: what it is called (`domain.plan.problem.Resource.skill`).
        count: so many more.
        site: whose, by its row's id; None: the only site that has it.
    """

    resource: str
    from_ms: int
    until_ms: int
    count: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1
    site: int | None = None


class OrderDue(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="due"):
    """An order is due at another moment."""

    order: int
    due_ms: int


class Split(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="split"):
    """Part of an operation's pieces is made on another machine at the same time.

    The shares are such that both machines take about as long.
    """

    operation: int
    machine: int


Change: TypeAlias = (
    MachineDown
    | Overtime
    | ResourceAway
    | MoreOfResource
    | Split
    | Move
    | MaterialAt
    | OrderRaised
    | OrderDue
    | OrderRemoved
    | OrderAdded
    | PolicyInstead
)


class NamedOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation by its names."""

    work_order: str
    operation: int


class ToldChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A change in the names that people know; what does not concern its kind is left out."""

    kind: str
    machine: str | None = None
    operation: NamedOperation | None = None
    before: NamedOperation | None = None
    resource: str | None = None
    count: int | None = None
    order: str | None = None
    name: str | None = None
    items: tuple[str, ...] = ()
    priority: int | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    fields: dict[str, Any] = {}


class DraftQuestion(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="draft"):
    """What would the plan be with these changes? The answer is stored as a draft.

    Attributes:
        request: names the request; asked again, it is the same draft.
        name: what the draft is called.
        changes: all of them, in this order.
        settle: `shift`: everything else keeps its machine and its turn; `plan`: it is planned anew.
        improve_ms: how long a better plan is looked for.
        actor, origin: who asks, and from where.
        expires_ms: when it is discarded if nobody wants it.
        replaces: a draft that is discarded with it.
    """

    request: str
    name: str
    changes: tuple[Change, ...]
    settle: str
    improve_ms: int
    actor: str
    origin: str
    expires_ms: int
    replaces: int | None = None


class WhyQuestion(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="why"):
    """Why does a plan end an order late, and what would help, as things are now?"""

    plan: int
    order: int


class RushQuestion(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="rush_price"):
    """What would it cost to put this order, or new work, before others?

    Attributes:
        order: an order that is there; None: `works`.
        works: new work.
        priority: of what priority it would be.
        due_ms: when it is wanted; None: the order's own date, or as soon as can be.
    """

    order: int | None = None
    works: tuple[NewWork, ...] = ()
    priority: int
    due_ms: int | None = None


class SolveQuestion(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="solve"):
    """A plan for a problem of the caller's own.

    Attributes:
        problem: a `domain.plan.problem.Problem` as JSON.
        limit_ms: how long a better plan is looked for after the first.
    """

    problem: bytes
    limit_ms: int


class DraftMade(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="draft_made"):
    """The draft is stored under this id."""

    plan_id: int


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A cause of an order's delay: `domain.plan.plan.LateCause` or `DelayShare`, by names.

    Attributes:
        share_ms: its share of the delay; None of a link of the chain.
    """

    cause: str
    operation: NamedOperation | None = None
    machine: str | None = None
    behind: NamedOperation | None = None
    since_ms: int | None = None
    wait_ms: int = 0
    share_ms: int | None = None
    resource: str | None = None
    closure: str | None = None


class LaterOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Work that ends later.

    Attributes:
        order: whose; None: nobody's.
        work_order: its number; of several of an order the one that loses most.
        by_ms: by how much.
        late_ms: how late it is then; 0: in time, or nothing is due.
        was_late: whether it was late without.
    """

    order: str | None
    work_order: str
    by_ms: int
    late_ms: int = 0
    was_late: bool = False


class HelpTold(msgspec.Struct, frozen=True, kw_only=True):
    """A change that would help: `domain.plan.helps.Help`, by names.

    Attributes:
        change: the same as a change of a draft, to be tried; None: nothing but a new plan.
    """

    kind: str
    gain_ms: int
    end_ms: int
    operation: NamedOperation | None = None
    machine: str | None = None
    from_machine: str | None = None
    behind: NamedOperation | None = None
    resource: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    later: tuple[LaterOrder, ...] = ()
    later_jobs: int = 0
    change: Change | None = None


class Explained(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="explained"):
    """Why an order is late in a plan, as of a moment.

    Attributes:
        as_of_ms: the moment.
        end_ms: when the plan ends it, as things are now.
        due_ms: when the work order that is latest is due; None: nothing is due.
        work_order: which one that is.
        delay_ms: how late; 0 or less: it is not.
        chain: what waits for what, from the end back to the root.
        shares: what each cause has of the delay; they add up to it.
        helps: the changes that bring most.
        left_out: what of the order the plan has no place for, so that it has no end.
    """

    as_of_ms: int
    end_ms: int
    due_ms: int | None
    work_order: str
    delay_ms: int
    chain: tuple[Cause, ...] = ()
    shares: tuple[Cause, ...] = ()
    helps: tuple[HelpTold, ...] = ()


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a rush order comes to.

    Attributes:
        end_ms: when it ends.
        late_ms: how late that is; 0: in time, or no date is wanted.
        later: whose work ends later, the most first.
        newly_late: how many of them are late by it.
        setup_ms: set-up added in all.
        tardiness_ms: weighted tardiness added to others.
        cost: by how much the policy's objective rises, the rush order's own tardiness aside.
        moved: operations of others that start at another time, or elsewhere.
    """

    end_ms: int
    late_ms: int = 0
    later: tuple[LaterOrder, ...] = ()
    newly_late: int = 0
    setup_ms: int = 0
    tardiness_ms: int = 0
    cost: int = 0
    moved: int = 0


class RushPriced(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="rush_priced"):
    """The price of a rush order.

    Attributes:
        as_of_ms: the moment that it was worked out for.
        plan_number: the plan in force; None: there is none.
        displacement: what the policy lets it displace.
        waiting: what it comes to when it displaces nobody.
        rushed: what it comes to by the policy's rule; as `waiting` where that gains nothing.
        now_ms: when the order ends as it is planned now; None of new work.
    """

    as_of_ms: int
    plan_number: int | None
    displacement: str
    waiting: Price
    rushed: Price
    now_ms: int | None = None


class ProblemSolved(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="problem_solved"
):
    """The outcome for a problem of the caller's own: `Solved` or `Infeasible`, as JSON."""

    outcome: bytes


PlanningQuestion: TypeAlias = DraftQuestion | WhyQuestion | RushQuestion | SolveQuestion
PlanningAnswer: TypeAlias = DraftMade | Explained | RushPriced | ProblemSolved
