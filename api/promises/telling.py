"""A promise as it is told: what was found, in the API's shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from api.promises import planned
from api.promises.planned import Answered
from api.promises.schemas import (
    Binding,
    Choice,
    DateWithCost,
    NewPromise,
    Promise,
    PromisedLine,
    PromisePlan,
    PutOff,
    WhyCoarse,
)
from api.reservations.schemas import Reservation
from domain.inventory.promised import Way


def shown_promise(
    wanted: NewPromise,
    items: Sequence[tuple[str, str]],
    answered: Answered,
    *,
    now: datetime,
    sees_others: bool,
    reservations: list[Reservation],
    elsewhere: Mapping[str, datetime | None],
) -> Promise:
    """The answer to the question.

    Args:
        wanted: the question.
        items: code and unit of each line.
        answered: the dates of the site that is first.
        now: the moment of asking.
        sees_others: whether they may know whose work would have to wait.
        reservations: what was held.
        elsewhere: the dates of the other sites.
    """
    lines = [
        PromisedLine(
            item=item,
            unit=unit,
            quantity=one.quantity,
            due=line.due,
            promised_at=one.at,
            in_time=None if line.due is None else one.at is not None and one.at <= line.due,
            from_stock=one.from_stock,
            to_make=one.to_make,
            to_buy=one.to_buy,
            bindings=[
                Binding.model_validate(msgspec.structs.asdict(binding)) for binding in one.bindings
            ],
            way=one.way.value,
            choices=[_choice(choice) for choice in choices],
        )
        for (item, unit), line, one, choices in zip(
            items,
            wanted.lines,
            answered.found,
            answered.choices or [()] * len(items),
            strict=True,
        )
    ]
    plan, coarse = answered.plan, answered.coarse
    judged = [line.in_time for line in lines if line.in_time is not None]
    return Promise(
        site=answered.site.code,
        as_of=now,
        promised_at=answered.whole,
        in_time=all(judged) if judged else None,
        basis="capacity" if coarse is not None else "stock" if plan is None else "plan",
        basis_because=None
        if coarse is None
        else WhyCoarse.model_validate(msgspec.structs.asdict(coarse)),
        plan=_plan(answered),
        valid_until=None if plan is None else _moment(plan.valid_until_ms),
        without_harm=None if coarse is not None else answered.whole,
        with_cost=_with_cost(answered) if sees_others else None,
        lines=lines,
        reservations=reservations,
        elsewhere=dict(elsewhere),
    )


def _choice(choice: planned.Choice) -> Choice:
    """Made or not, and why, in words."""
    comes = f"{choice.otherwise_at:%Y-%m-%d %H:%M} UTC"
    how = "bought, it is there" if choice.otherwise is Way.BUY else "what is on its way is there"
    if choice.made_at is not None:
        made = f"{choice.made_at:%Y-%m-%d %H:%M} UTC"
        reason = f"{choice.item} is made: by {made}; {how} on {comes} only"
    else:
        reason = f"{choice.item} is not made: {how} on {comes}, and made it would be no sooner"
    return Choice(
        item=choice.item,
        chosen="make" if choice.made else choice.otherwise.value,
        made_at=choice.made_at,
        otherwise=choice.otherwise.value,
        otherwise_at=choice.otherwise_at,
        reason=reason,
    )


def _plan(answered: Answered) -> PromisePlan | None:
    if answered.plan is None:
        return None
    told = answered.plan.in_force
    return PromisePlan(
        scope=answered.site.scope,
        number=told.number,
        as_of=_moment(told.as_of_ms),
        pending=told.pending,
    )


def _with_cost(answered: Answered) -> DateWithCost | None:
    """The date with a cost, if it makes the whole sooner: another line may bind as well."""
    at = answered.with_cost_at
    told = answered.plan.with_cost if answered.plan is not None else None
    if told is None or at is None or (answered.whole is not None and at >= answered.whole):
        return None
    return DateWithCost(
        at=at,
        cost=told.cost,
        priority=told.priority,
        later=[
            PutOff(
                order=each.order,
                work_order=each.work_order,
                minutes=_minutes(each.by_ms),
                late_minutes=_minutes(each.late_ms),
            )
            for each in told.later
        ],
    )


def _minutes(ms: int) -> int:
    """Whole minutes, begun ones included."""
    return -(-ms // 60_000)


def _moment(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1_000, UTC)
