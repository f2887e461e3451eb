"""Who a customer's token is for, remembered for a moment."""

from __future__ import annotations

from typing import Final

from runtime.clock import Clock
from store import users
from store.database import Pool

LASTS_S: Final = 5.0
"""So long a token opens something for a customer who has just been deleted; not their rows, which
are gone with them.
"""
_MOST: Final = 10_000


class CustomerIds:
    """Customers' ids by their codes.

    Under load the question was a sixth of what a customer's order costs the API.
    """

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool, self._clock = pool, clock
        self._known: dict[str, tuple[int, float]] = {}

    async def of(self, code: str) -> int | None:
        """A customer's id; None: there is no such customer, which is never remembered."""
        now = self._clock.monotonic()
        known = self._known.get(code)
        if known is not None and now - known[1] < LASTS_S:
            return known[0]
        async with self._pool.connection() as connection:
            customer_id = await users.customer_id_of(connection, code)
        if customer_id is None:
            self._known.pop(code, None)
        else:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[code] = (customer_id, now)
        return customer_id
