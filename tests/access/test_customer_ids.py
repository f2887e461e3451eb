"""A customer's id is remembered for a moment, and that there is none never is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api.auth.remembered import LASTS_S, CustomerIds, Tokens
from runtime.tokens import TokenError, issue_token
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


class TestTokens:
    """A token is verified once, and ends when it ends."""

    def test_what_a_token_says_is_told_until_its_end(self) -> None:
        now = [datetime.now(UTC)]
        tokens = Tokens("k" * 32, now=lambda: now[0])
        token = issue_token("k" * 32, role="viewer", days=1, subject="ci")
        first = tokens.claims(token)
        assert (first.role, first.subject) == ("viewer", "ci")
        assert tokens.claims(token) is first
        now[0] = first.expires_at - timedelta(seconds=1)
        assert tokens.claims(token) is first
        now[0] = first.expires_at
        with pytest.raises(TokenError, match="expired"):
            tokens.claims(token)

    def test_what_is_not_ours_is_refused_every_time(self) -> None:
        tokens = Tokens("k" * 32)
        foreign = issue_token("f" * 32, role="admin")
        ended = issue_token("k" * 32, role="admin", days=-1)
        for token in (foreign, ended, "no token"):
            for _ in range(2):
                with pytest.raises(TokenError):
                    tokens.claims(token)
