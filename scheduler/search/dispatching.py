"""Dispatching rules, compiled: what `domain.plan.dispatch` does, in a hundredth of the time.

Operations are appended one at a time. Of all that are ready, the one that can end first names the
machine; of those that compete with it for that machine the rule picks one (Giffler & Thompson
1960). Rules, prices and what a rule keeps are described there.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from scheduler.search.compiled import Floats, Ints, compiled, inlined
from scheduler.search.desk import (
    HEAPED,
    PILED,
    PLACED,
    Desk,
    clear,
    is_next,
    place,
    push,
    ready_of,
    remove,
    when,
)
from scheduler.search.floor import (
    MINUTE,
    MOVE,
    NOWHERE,
    REASSIGNMENT,
    SETUP,
    TARDINESS,
    TOLERANCE,
    Floor,
    Times,
    job_end,
)
from scheduler.search.layout import NONE, Shop

EDD: Final = 0
PLANNED: Final = 1
PLANNED_DUE: Final = 2
ATC: Final = 3
SLACK: Final = 4
SPT: Final = 5
CR: Final = 6
MWR: Final = 7
"""Orders; the first three are rows of `Rules.given`."""
FROZEN: Final = 1
LOOK_AHEAD: Final = 0
SETUP_DREAD: Final = 1
"""Scales of ATC: the time in which slack and set-ups are felt."""


class Rules(NamedTuple):
    """What rules need to know, and what they write on.

    Attributes:
        shortest: each operation's duration on its fastest machine.
        tail: the longest work and way behind it.
        due, latest_end: when the jobs that wait for it are due, the earliest; and when it has to
            end for them to end in time.
        weight: its job's weight, at least 1.
        given: the orders that do not depend on what is planned: due, planned, planned or due.
        scale: see LOOK_AHEAD, SETUP_DREAD.
        planned_at, planned: what the plan in force has on each machine, by start.
        planned_next: how far each of those has been placed.
        kept: 1 for what stays where the plan in force has it.
        mode, chosen_version: the mode that an operation has chosen (or NONE), and its machine's
            version then.
        lane_first, lane_next, lane_previous: who has chosen each machine.
        rank, rival_end, rival: who competes for a machine.
        how: the rule; see ORDER and so on.
    """

    shortest: Ints
    tail: Ints
    due: Ints
    latest_end: Ints
    weight: Ints
    given: Ints
    scale: Floats
    planned_at: Ints
    planned: Ints
    planned_next: Ints
    kept: Ints
    mode: Ints
    chosen_version: Ints
    lane_first: Ints
    lane_next: Ints
    lane_previous: Ints
    rank: Floats
    rival_end: Ints
    rival: Ints
    how: Ints


ORDER: Final = 0
KEEP: Final = 1
GENTLE: Final = 2
BEGUN: Final = 3
"""How: the order, whether it keeps, and gently, and whether machines have been opened."""


def own(rules: Rules) -> Rules:
    """The same rules with scratch of their own, for another thread."""
    return rules._replace(
        planned_next=np.zeros_like(rules.planned_next),
        mode=np.zeros_like(rules.mode),
        chosen_version=np.zeros_like(rules.chosen_version),
        lane_first=np.zeros_like(rules.lane_first),
        lane_next=np.zeros_like(rules.lane_next),
        lane_previous=np.zeros_like(rules.lane_previous),
        rank=np.zeros_like(rules.rank),
        rival_end=np.zeros_like(rules.rival_end),
        rival=np.zeros_like(rules.rival),
        how=np.zeros_like(rules.how),
    )


@compiled
def look_back(shop: Shop, rules: Rules, order: Ints) -> None:
    """Compute tails and due dates from those of the jobs; `order` has predecessors first."""
    for place_ in range(shop.operations):
        operation = order[place_]
        rules.latest_end[operation] = rules.due[operation]
        rules.tail[operation] = 0
    for place_ in range(shop.operations - 1, -1, -1):
        follower = order[place_]
        work = rules.shortest[follower]
        for arc in range(shop.before_at[follower], shop.before_at[follower + 1]):
            index, lag = shop.before[arc], shop.before_lag[arc]
            rules.due[index] = min(rules.due[index], rules.due[follower])
            rules.tail[index] = max(rules.tail[index], lag + work + rules.tail[follower])
            latest = rules.latest_end[follower] - work - lag
            rules.latest_end[index] = min(rules.latest_end[index], latest)


@compiled
def keep_unaffected(shop: Shop, floor: Floor, rules: Rules, desk: Desk, times: Times) -> None:
    """Mark what right-shift, whose times are given, neither delays nor ends late."""
    for operation in range(shop.operations):
        delayed = times.start[operation] - floor.base_start[operation]
        rules.kept[operation] = int(
            floor.base_machine[operation] == desk.machine[operation]
            and floor.base_start[operation] != NOWHERE
            and delayed <= floor.price[TOLERANCE]
        )
    for job in range(shop.jobs):
        late = floor.weight[job] > 0 and job_end(floor, times, job) > floor.due[job]
        times.job_mark[job] = int(late)
    for operation in range(shop.operations):
        if times.job_mark[shop.job[operation]] == 1:
            rules.kept[operation] = 0
    for job in range(shop.jobs):
        times.job_mark[job] = 0


@inlined
def _leave_lane(shop: Shop, rules: Rules, operation: int) -> None:
    """Take back what an operation has chosen."""
    machine = shop.mode_machine[rules.mode[operation]]
    before, after = rules.lane_previous[operation], rules.lane_next[operation]
    if before < 0:
        rules.lane_first[machine] = after
    else:
        rules.lane_next[before] = after
    if after >= 0:
        rules.lane_previous[after] = before
    rules.mode[operation] = NONE


@inlined
def _enter_lane(shop: Shop, rules: Rules, operation: int, mode: int) -> None:
    machine = shop.mode_machine[mode]
    after = rules.lane_first[machine]
    rules.mode[operation] = mode
    rules.lane_previous[operation] = NONE
    rules.lane_next[operation] = after
    if after >= 0:
        rules.lane_previous[after] = operation
    rules.lane_first[machine] = operation


@inlined
def _delay(rules: Rules, desk: Desk, machine: int, end: int, floor: Floor) -> int:
    """By how much, weighted, what is planned next on the machine starts later behind `end`."""
    at, over = rules.planned_next[machine], rules.planned_at[machine + 1]
    while at < over and desk.placed[rules.planned[at]] == 1:
        at += 1
    rules.planned_next[machine] = at
    if at == over:
        return 0
    following = rules.planned[at]
    return rules.weight[following] * max(end - floor.base_start[following], 0)


@inlined
def _price(
    floor: Floor,
    rules: Rules,
    desk: Desk,
    operation: int,
    machine: int,
    setup: int,
    start: int,
    end: int,
) -> int:
    """What a place would cost: its end or its job's tardiness, and what is disturbed."""
    price = floor.price[SETUP] * setup
    before = floor.base_start[operation]
    rate = floor.price[TARDINESS] * rules.weight[operation]
    if before != NOWHERE and rules.how[KEEP] == 1:
        late = end + rules.tail[operation] - rules.due[operation]
        price += rate * max(late, 0)
    else:
        price += max(rate, 1) * end
    if before != NOWHERE:
        if machine != floor.base_machine[operation]:
            price += floor.price[REASSIGNMENT] * MINUTE
            if rules.how[GENTLE] == 1:
                price += floor.price[TARDINESS] * _delay(rules, desk, machine, end, floor)
        price += floor.price[MOVE] * max(abs(start - before) - floor.price[TOLERANCE], 0)
    return price


@compiled
def _choose(
    shop: Shop, floor: Floor, rules: Rules, desk: Desk, times: Times, operation: int
) -> None:
    """Choose an operation's machine as things are now."""
    if rules.mode[operation] >= 0:
        _leave_lane(shop, rules, operation)
    first, over = shop.mode_at[operation], shop.mode_at[operation + 1]
    stays = rules.kept[operation] == 1 and rules.how[KEEP] == 1
    ready = desk.ready[operation]
    chosen, least, ends = NONE, 0, 0
    for mode in range(first, over):
        machine = shop.mode_machine[mode]
        if desk.open_left[machine] != 0:
            continue
        if stays and machine != floor.base_machine[operation]:
            continue
        setup, start, end = when(shop, floor, desk, times, operation, mode, ready)
        price = 0
        if over - first > 1 and not stays:
            price = _price(floor, rules, desk, operation, machine, setup, start, end)
        if chosen < 0 or price < least or (price == least and end < ends):
            chosen, least, ends = mode, price, end
    if chosen < 0:
        desk.parked[operation] = 1
        remove(desk, operation)
        return
    rules.chosen_version[operation] = desk.version[shop.mode_machine[chosen]]
    _enter_lane(shop, rules, operation, chosen)
    push(desk, operation, ends)


@compiled
def _choose_again(shop: Shop, floor: Floor, rules: Rules, desk: Desk, times: Times) -> None:
    """Another machine is open: whoever has chosen or could not looks again."""
    for operation in range(shop.operations):
        if desk.parked[operation] == 1 or rules.mode[operation] >= 0:
            desk.parked[operation] = 0
            _choose(shop, floor, rules, desk, times, operation)


@compiled
def _hand_on(shop: Shop, floor: Floor, rules: Rules, desk: Desk, times: Times) -> None:
    """Let the followers of what has been placed be ready; what is frozen is placed at once."""
    opened = False
    while desk.counts[PILED] > 0:
        desk.counts[PILED] -= 1
        operation = desk.pile[desk.counts[PILED]]
        for arc in range(shop.after_at[operation], shop.after_at[operation + 1]):
            follower = shop.after[arc]
            desk.waits[follower] -= 1
            if desk.waits[follower] == 0 and desk.placed[follower] == 0:
                opened |= _is_ready(shop, floor, rules, desk, times, follower)
    if opened and rules.how[BEGUN] == 1:
        _choose_again(shop, floor, rules, desk, times)


@compiled
def _is_ready(
    shop: Shop, floor: Floor, rules: Rules, desk: Desk, times: Times, operation: int
) -> bool:
    """An operation may be placed from now on; returns whether that has opened a machine."""
    ready = ready_of(shop, floor, times, operation)
    base = floor.base_start[operation]
    frozen = floor.rank[operation] == FROZEN
    in_time = base + rules.shortest[operation] <= rules.latest_end[operation]
    keeps = rules.how[KEEP] == 1
    if frozen or (keeps and base != NOWHERE and (rules.kept[operation] == 1 or in_time)):
        ready = max(ready, base)
    desk.ready[operation] = ready
    desk.known[operation] = 1
    if not frozen:
        if rules.how[BEGUN] == 1:
            _choose(shop, floor, rules, desk, times, operation)
        else:
            desk.parked[operation] = 1
        return False
    machine = shop.mode_machine[shop.mode_at[operation]]
    found = False
    for index in range(desk.chain_at[machine], desk.chain_at[machine + 1]):
        following = desk.chain[index]
        if desk.known[following] == 1 and is_next(shop, desk, following):
            place(
                shop,
                floor,
                desk,
                times,
                following,
                shop.mode_at[following],
                desk.ready[following],
            )
            found = True
    return found and desk.open_left[machine] == 0


@inlined
def _priority(
    rules: Rules,
    operation: int,
    free: int,
    setup: int,
    start: int,
    end: int,
) -> float:
    """An operation's priority by the rule; lower comes first."""
    order = rules.how[ORDER]
    if order <= PLANNED_DUE:
        return float(rules.given[order, operation])
    weight = rules.weight[operation]
    if order == SPT:
        return (end - free) / weight
    if order == MWR:
        return -float(end - start + rules.tail[operation])
    if order == CR:
        left = max(end - start + rules.tail[operation], 1)
        return (rules.due[operation] - start) / left
    slack = rules.latest_end[operation] - end
    if order == SLACK:
        return slack / weight if slack > 0 else float(slack * weight)
    urgency = math.exp(-max(slack, 0) / rules.scale[LOOK_AHEAD])
    dread = math.exp(-setup / rules.scale[SETUP_DREAD])
    return -weight / max(end - free, 1) * urgency * dread


@inlined
def _winner(shop: Shop, floor: Floor, rules: Rules, desk: Desk, times: Times, first: int) -> int:
    """Whom the rule prefers of those that could start on its machine before `first` ends."""
    machine = shop.mode_machine[rules.mode[first]]
    end, free = desk.key[first], desk.free[machine]
    count = 0
    rival = rules.lane_first[machine]
    while rival >= 0:
        ready = desk.ready[rival]
        if ready < end or rival == first:
            setup, start, ends = when(shop, floor, desk, times, rival, rules.mode[rival], ready)
            if start < end or rival == first:
                rules.rank[count] = _priority(rules, rival, free, setup, start, ends)
                rules.rival_end[count] = ends
                rules.rival[count] = rival
                count += 1
        rival = rules.lane_next[rival]
    while count > 0:
        best = 0
        for at in range(1, count):
            if rules.rank[at] != rules.rank[best]:
                better = rules.rank[at] < rules.rank[best]
            elif rules.rival_end[at] != rules.rival_end[best]:
                better = rules.rival_end[at] < rules.rival_end[best]
            else:
                better = rules.rival[at] < rules.rival[best]
            if better:
                best = at
        rival = rules.rival[best]
        if rival == first:
            return first
        if rules.chosen_version[rival] != desk.version[machine]:
            _choose(shop, floor, rules, desk, times, rival)
        if shop.mode_machine[rules.mode[rival]] == machine:
            return rival
        count -= 1
        rules.rank[best] = rules.rank[count]
        rules.rival_end[best] = rules.rival_end[count]
        rules.rival[best] = rules.rival[count]
    return first


@inlined
def _overtaken(
    shop: Shop, floor: Floor, rules: Rules, desk: Desk, times: Times, operation: int
) -> bool:
    """Whether work on other machines has taken people and tools that it counted on."""
    if floor.around is None:
        return False
    args = (operation, rules.mode[operation], desk.ready[operation])
    return when(shop, floor, desk, times, *args)[2] != desk.key[operation]


@compiled
def dispatch(shop: Shop, floor: Floor, rules: Rules, desk: Desk, times: Times) -> int:
    """Place everything by the rule (`how`); returns how many operations could be placed."""
    clear(shop, floor, desk, times)
    rules.how[BEGUN] = 0
    for machine in range(shop.machines):
        rules.lane_first[machine] = NONE
        rules.planned_next[machine] = rules.planned_at[machine]
    for operation in range(shop.operations):
        rules.mode[operation] = NONE
    for operation in range(shop.operations):
        # What follows something running has its turn when that is handed on.
        waits = shop.before_at[operation + 1] - shop.before_at[operation]
        if waits == 0 and desk.placed[operation] == 0:
            _is_ready(shop, floor, rules, desk, times, operation)
    _hand_on(shop, floor, rules, desk, times)
    # Only now is it known which machines are open.
    rules.how[BEGUN] = 1
    _choose_again(shop, floor, rules, desk, times)
    while desk.counts[HEAPED] > 0:
        operation = desk.heap[0]
        machine = shop.mode_machine[rules.mode[operation]]
        stale = rules.chosen_version[operation] != desk.version[machine]
        if stale or _overtaken(shop, floor, rules, desk, times, operation):
            # The machine ends later than when it chose; another may be better by now.
            _choose(shop, floor, rules, desk, times, operation)
            continue
        winner = _winner(shop, floor, rules, desk, times, operation)
        mode = rules.mode[winner]
        _leave_lane(shop, rules, winner)
        remove(desk, winner)
        place(shop, floor, desk, times, winner, mode, desk.ready[winner])
        _hand_on(shop, floor, rules, desk, times)
    return desk.counts[PLACED]
