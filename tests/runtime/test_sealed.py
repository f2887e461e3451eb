"""Sealed secrets open where they were sealed, and nowhere else."""

from __future__ import annotations

import pytest

from runtime.sealed import SealError, seal, unseal

KEY = "k" * 43
PURPOSE = "channel shop"


class TestSealed:
    def test_it_opens_with_the_key_and_the_purpose(self) -> None:
        sealed = seal(KEY, b"secret", purpose=PURPOSE)
        assert b"secret" not in sealed
        assert unseal(KEY, sealed, purpose=PURPOSE) == b"secret"

    def test_the_same_secret_never_looks_the_same(self) -> None:
        assert seal(KEY, b"secret", purpose=PURPOSE) != seal(KEY, b"secret", purpose=PURPOSE)

    def test_another_key_purpose_or_byte_does_not_open_it(self) -> None:
        sealed = seal(KEY, b"secret", purpose=PURPOSE)
        damaged = sealed[:-1] + bytes([sealed[-1] ^ 1])
        for key, content, purpose in (
            ("x" * 43, sealed, PURPOSE),
            (KEY, sealed, "channel other"),
            (KEY, damaged, PURPOSE),
            (KEY, sealed[:10], PURPOSE),
            (KEY, b"", PURPOSE),
            (KEY, b"\x02" + sealed[1:], PURPOSE),
        ):
            with pytest.raises(SealError):
                unseal(key, content, purpose=purpose)
