"""Messages that break simulated machines, and mend them."""

from __future__ import annotations

import pytest

from contracts.ids import MachinePath
from simulator.breaking import Break, CommandError, Repair, break_machine, command_of

PRESS = MachinePath("gemba-demo/pressing/line-1/press-01")


class TestCommands:
    def test_a_break_says_for_how_long_and_why(self) -> None:
        topic = f"gemba/simulator/v1/{PRESS}/break"
        assert command_of(topic, b'{"minutes": 2.5, "reason": "leak"}') == Break(PRESS, 2.5, "leak")
        assert command_of(topic, b'{"minutes": 10}') == Break(PRESS, 10, "broken by hand")

    def test_a_repair_says_nothing(self) -> None:
        assert command_of(f"gemba/simulator/v1/{PRESS}/repair", b"") == Repair(PRESS)

    @pytest.mark.parametrize(
        ("topic", "payload"),
        [
            (f"gemba/v1/{PRESS}/break", b'{"minutes": 1}'),
            ("gemba/simulator/v1/press-01/break", b'{"minutes": 1}'),
            (f"gemba/simulator/v1/{PRESS}//break", b'{"minutes": 1}'),
            (f"gemba/simulator/v1/{PRESS}/explode", b"{}"),
            (f"gemba/simulator/v1/{PRESS}/break", b"{}"),
            (f"gemba/simulator/v1/{PRESS}/break", b'{"minutes": 0}'),
            (f"gemba/simulator/v1/{PRESS}/break", b'{"minutes": 99999}'),
            (f"gemba/simulator/v1/{PRESS}/break", b"ten minutes"),
        ],
    )
    def test_anything_else_is_none(self, topic: str, payload: bytes) -> None:
        with pytest.raises(CommandError):
            command_of(topic, payload)

    async def test_what_would_not_be_understood_is_not_sent(self) -> None:
        with pytest.raises(ValueError, match="minutes"):
            await break_machine("mqtt://127.0.0.1:1", PRESS, minutes=0)
