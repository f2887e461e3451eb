"""CP-SAT with types: the one module that knows the solver.

Every variable is made with the value it has in the solution in hand, so the hint is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import ceil
from typing import Any, Final, TypeAlias

import msgspec
from ortools.sat.python import cp_model

from scheduler.stopping import Stop

Linear: TypeAlias = Any
"""A variable, a literal or a linear expression; comparing two makes a constraint."""
IntervalVariable: TypeAlias = Any
Arc: TypeAlias = tuple[int, int, Linear]

WORKERS: Final = 2
SEED: Final = 1
_ROUNDING: Final = 1e-6


class Answer(msgspec.Struct, frozen=True):
    """What the solver found.

    Attributes:
        value: asks for a variable's value.
        bound: what the objective cannot be below.
        optimal: whether nothing better exists.
    """

    value: Callable[[Linear], int]
    bound: int
    optimal: bool


class CpSat:
    """A model that grows constraint by constraint."""

    def __init__(self) -> None:
        self._model = cp_model.CpModel()
        self._hints: list[tuple[Linear, int]] = []
        self.true = self.literal(hint=True)
        """A literal that is always true."""
        self._model.add(self.true == 1)

    def integer(self, low: int, high: int, *, hint: int) -> Linear:
        """A variable from `low` to `high`."""
        variable = self._model.new_int_var(low, high, "")
        self._hints.append((variable, hint))
        return variable

    def literal(self, *, hint: bool) -> Linear:
        """A variable that is 0 or 1; `literal.negated()` is its opposite."""
        literal = self._model.new_bool_var("")
        self._hints.append((literal, int(hint)))
        return literal

    def require(self, constraint: Any, *, when: Linear | None = None) -> None:
        """A linear constraint, for one case only if `when` is given."""
        added = self._model.add(constraint)
        if when is not None:
            added.only_enforce_if(when)

    def exactly_one(self, literals: Sequence[Linear]) -> None:
        """One of the literals is true, and no other."""
        self._model.add_exactly_one(literals)

    def at_most_one(self, literals: Sequence[Linear]) -> None:
        """No two of the literals are true."""
        self._model.add_at_most_one(literals)

    def any_of(self, literals: Sequence[Linear]) -> None:
        """One of the literals is true, or several."""
        self._model.add_bool_or(literals)

    def implies(self, literal: Linear, other: Linear) -> None:
        """If the one is true, so is the other."""
        self._model.add_implication(literal, other)

    def interval(self, start: Linear, size: int, literal: Linear) -> IntervalVariable:
        """A span of fixed size that exists if the literal is true."""
        return self._model.new_optional_fixed_size_interval_var(start, size, literal, "")

    def elastic_interval(
        self, start: Linear, size: Linear, end: Linear, literal: Linear
    ) -> IntervalVariable:
        """A span that exists if the literal is true; each of the three of one variable at most."""
        return self._model.new_optional_interval_var(start, size, end, literal, "")

    def within(self, value: Linear, spans: Sequence[tuple[int, int]], *, when: Linear) -> None:
        """In one case, a value lies in one of the spans; both ends belong to them."""
        domain = cp_model.Domain.from_intervals([list(span) for span in spans])
        self._model.add_linear_expression_in_domain(value, domain).only_enforce_if(when)

    def standing_interval(self, start: int, end: int) -> IntervalVariable:
        """A span that does not move."""
        return self._model.new_fixed_size_interval_var(start, end - start, "")

    def no_overlap(self, intervals: Sequence[IntervalVariable]) -> None:
        """No two spans that exist have a moment in common."""
        self._model.add_no_overlap(intervals)

    def cumulative(
        self, intervals: Sequence[IntervalVariable], demands: Sequence[int], capacity: int
    ) -> None:
        """At no moment do the spans that exist demand more than there is."""
        self._model.add_cumulative(intervals, demands, capacity)

    def circuit(self, arcs: Sequence[Arc]) -> None:
        """The true arcs are one round through all nodes but those with a true arc to itself."""
        self._model.add_circuit(arcs)

    def minimize(self, terms: Iterable[Linear]) -> None:
        """The objective is the sum of the terms."""
        self._model.minimize(sum(terms))

    def solve(self, *, limit_s: float, stop: Stop) -> Answer | None:
        """Search until the time is over or somebody asks to stop. Releases the GIL.

        Returns:
            None when no solution was found.
        """
        for variable, value in self._hints:
            self._model.add_hint(variable, value)
        solver = cp_model.CpSolver()
        parameters = solver.parameters
        parameters.max_time_in_seconds = limit_s
        parameters.num_workers = WORKERS
        parameters.random_seed = SEED
        # In the seconds that there are, presolving costs more than it gains, and can lose the hint.
        parameters.cp_model_presolve = False
        _leave_signals(parameters)

        def heed(_: float) -> None:
            # Whoever asked before the search had begun has not been heard.
            if stop.asked:
                solver.stop_search()

        solver.best_bound_callback = heed
        with stop.reaching(solver.stop_search):
            if stop.asked:
                return None
            status = solver.solve(self._model)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        return Answer(
            value=solver.value,
            bound=ceil(solver.best_objective_bound - _ROUNDING),
            optimal=status == cp_model.OPTIMAL,
        )

    def hint_holds(self) -> bool:
        """Whether the hint is a solution: every variable has one, and no constraint is broken."""
        model = self._model.clone()
        for variable, value in self._hints:
            model.add(variable == value)
        complete = len(model.model_proto.variables) == len(self._hints)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        _leave_signals(solver.parameters)
        return complete and solver.solve(model) in (cp_model.OPTIMAL, cp_model.FEASIBLE)


def _leave_signals(parameters: cp_model.SatParameters) -> None:
    """The solver keeps its hands off the process's signals.

    By default it takes SIGINT for itself while it searches, and gives it back as the system's
    default: the next Ctrl-C would kill the process instead of ending it cleanly.
    """
    parameters.catch_sigint_signal = False


def warm_up() -> None:
    """Solve something small, so that the first real problem does not wait for libraries."""
    model = CpSat()
    variable = model.integer(0, 1, hint=1)
    model.minimize([variable])
    model.solve(limit_s=1.0, stop=Stop())
