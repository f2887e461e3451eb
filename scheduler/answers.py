"""Which question is answered by what: one handler each, pure, from a scope's warm state.

A handler runs in a thread, has no database and changes nothing. It may be run twice for one
question: when another plan came in force while it worked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from contracts.questions import Answer, PromiseQuestion
from scheduler.promises import promise
from scheduler.warm import Warm

Handler: TypeAlias = Callable[[Warm, Any, int], Answer]
"""(state, question, now in epoch milliseconds) → answer."""

HANDLERS: Final[Mapping[type, Handler]] = {PromiseQuestion: promise}
