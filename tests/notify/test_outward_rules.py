"""Signatures, back-off, and which addresses are private."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.outward import (
    Policy,
    is_hopeless,
    is_public,
    next_after,
    secret_bytes,
    signature,
    written_secret,
)


def test_the_example_of_the_standard_is_signed_so() -> None:
    """The test vector of the Standard Webhooks reference libraries."""
    key = secret_bytes("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("text", ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!", "whsec_AAAA"])
def test_a_secret_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"secret|base64"):
        secret_bytes(text)


def test_a_secret_comes_back_as_it_was_written() -> None:
    key = bytes(range(32))
    assert secret_bytes(written_secret(key)) == key


def test_attempts_are_further_and_further_apart_up_to_six_hours() -> None:
    assert [next_after(n, 0.5) for n in (1, 2, 3, 4)] == [5, 20, 80, 320]
    assert next_after(12, 0.5) == 6 * 3600
    assert next_after(1, 0.0) == pytest.approx(4)
    assert next_after(1, 1.0) == pytest.approx(6)


def test_an_endpoint_is_hopeless_after_many_failures_over_days() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    policy = Policy(failures=5, failing_for=timedelta(days=1))

    def hopeless(failures: int, hours: int) -> bool:
        since = now - timedelta(hours=hours)
        return is_hopeless(policy, failures=failures, failing_since=since, now=now)

    assert hopeless(5, 24)
    assert not hopeless(4, 240)
    assert not hopeless(500, 23)
    assert not is_hopeless(policy, failures=9, failing_since=None, now=now)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.1",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::",
    ],
)  # fmt: skip
def test_addresses_of_this_network_are_private(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)
