"""A customer's id is remembered for a moment, and that there is none never is."""

from __future__ import annotations

from api.auth.remembered import LASTS_S, CustomerIds
from store.database import build_pool


class _Clock:
    """It stands still until it is moved."""

    seconds = 1_000.0

    def monotonic(self) -> float:
        return self.seconds

    def now_ms(self) -> int:
        return int(self.seconds * 1_000)


async def test_it_is_asked_anew_after_a_moment_and_when_there_was_none(database_url: str) -> None:
    clock = _Clock()
    async with build_pool(database_url, name="test", max_size=2) as pool:
        ids = CustomerIds(pool, clock)
        assert await ids.of("acme") is None
        async with pool.connection() as connection:
            await connection.execute("INSERT INTO customers (code, name) VALUES ('acme', 'Acme')")
        first = await ids.of("acme")
        assert first is not None
        async with pool.connection() as connection:
            await connection.execute("DELETE FROM customers WHERE code = 'acme'")
        clock.seconds += LASTS_S - 0.1
        assert await ids.of("acme") == first
        clock.seconds += 0.1
        assert await ids.of("acme") is None
