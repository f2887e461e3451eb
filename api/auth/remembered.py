"""What tokens say, and who a customer's token is for, remembered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from runtime.clock import Clock
from runtime.tokens import Claims, TokenError, verify_token
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


class Tokens:
    """What bearer tokens say, by the token; each is verified once.

    Nothing takes a token back but its end, which is looked at every time, and another key, which
    takes another process.
    """

    def __init__(
        self, signing_key: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._signing_key = signing_key
        self._now = now
        self._known: dict[str, Claims] = {}

    def claims(self, token: str) -> Claims:
        """What a token says.

        Raises:
            TokenError: it is not a token, not ours, or has expired.
        """
        claims = self._known.get(token)
        if claims is None:
            claims = verify_token(self._signing_key, token)
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[token] = claims
        elif claims.expires_at <= self._now():
            del self._known[token]
            raise TokenError("the token has expired")
        return claims
