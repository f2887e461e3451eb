"""An independent judge of schedules: from the instance and the pieces alone.

It shares nothing with the search: no heads, no order, no arrays.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from scheduler.instances.instance import Instance, Objective, Piece, Schedule


def faults(instance: Instance, schedule: Schedule) -> list[str]:
    """What is wrong with a schedule; nothing, if it is one of the instance."""
    wrong: list[str] = []
    placed: dict[tuple[int, int], Piece] = {}
    for piece in schedule:
        key = (piece.job, piece.operation)
        if not _known(instance, piece):
            wrong.append(f"operation {key} is not in the shop")
            continue
        if key in placed:
            wrong.append(f"operation {key} is there twice")
        placed[key] = piece
        wrong += _alone(instance, piece)
    for number, job in enumerate(instance.jobs):
        for at in range(len(job.operations)):
            piece_here = placed.get((number, at))
            if piece_here is None:
                wrong.append(f"operation {(number, at)} is missing")
                continue
            for before in instance.before(number, at):
                ahead = placed.get((number, before))
                if ahead is not None and piece_here.start < ahead.end:
                    wrong.append(f"operation {(number, at)} starts before {before} ends")
    return wrong + _machines(instance, [piece for piece in schedule if _known(instance, piece)])


def value(instance: Instance, schedule: Schedule) -> int:
    """The objective's value."""
    ends: dict[int, int] = defaultdict(int)
    for piece in schedule:
        ends[piece.job] = max(ends[piece.job], piece.end)
    if instance.objective is Objective.MAKESPAN:
        return max(ends.values())
    return sum(
        job.weight * max(0, ends[number] - job.due)
        for number, job in enumerate(instance.jobs)
        if job.due is not None
    )


def makespan(schedule: Schedule) -> int:
    """The last end."""
    return max((piece.end for piece in schedule), default=0)


def _known(instance: Instance, piece: Piece) -> bool:
    return 0 <= piece.job < len(instance.jobs) and 0 <= piece.operation < len(
        instance.jobs[piece.job].operations
    )


def _alone(instance: Instance, piece: Piece) -> list[str]:
    """What is wrong with one piece by itself."""
    job = instance.jobs[piece.job]
    ways = job.operations[piece.operation].alternatives
    wrong = []
    lasts = [way.duration for way in ways if way.machine == piece.machine]
    key = (piece.job, piece.operation)
    if not lasts:
        wrong.append(f"operation {key} is on machine {piece.machine}, which cannot do it")
    elif piece.end - piece.start != lasts[0]:
        wrong.append(f"operation {key} takes {piece.end - piece.start} instead of {lasts[0]}")
    if piece.start < job.release:
        wrong.append(f"operation {key} starts at {piece.start}, before its job's release")
    return wrong


def _machines(instance: Instance, pieces: list[Piece]) -> list[str]:
    """Overlaps and set-ups that are too short."""
    lanes: dict[int, list[Piece]] = defaultdict(list)
    for piece in pieces:
        lanes[piece.machine].append(piece)
    families = instance.families()
    wrong = []
    for machine, lane in lanes.items():
        # Stable: operations without duration that share a moment follow each other as told.
        lane.sort(key=lambda piece: (piece.end, piece.start))
        if instance.initial and 0 <= machine < len(instance.initial):
            first = lane[0]
            ready = instance.initial[machine][families[first.job][first.operation]]
            if first.start < ready:
                wrong.append(
                    f"machine {machine} starts {(first.job, first.operation)} at {first.start}, "
                    f"before it is set up at {ready}"
                )
        for one, other in pairwise(lane):
            setup = 0
            if instance.setups and 0 <= machine < len(instance.setups):
                setup = instance.setups[machine][families[one.job][one.operation]][
                    families[other.job][other.operation]
                ]
            if other.start < one.end + setup:
                wrong.append(
                    f"machine {machine} starts {(other.job, other.operation)} at {other.start}, "
                    f"{one.end + setup - other.start} too early after {(one.job, one.operation)}"
                )
    return wrong
