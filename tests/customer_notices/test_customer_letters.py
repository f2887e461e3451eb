"""What customers read, in both languages: no machine, no code, no other customer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from noticed_orders import KEY

from domain.customer_notices.reasons import Evidence, PublicReason, first_of, reason_of
from domain.customer_notices.templates import CONFIRM, DATE_MOVED, REASONS
from domain.notification.letters import Letter, Rendered
from domain.notification.rendering import render
from domain.notification.template_kinds import TEMPLATES
from notify.courier_ports import LetterError
from notify.customer_letters import CustomerLetters

URL = "https://gemba.example"
LINE = {
    "line": 1,
    "item": "Bracket A",
    "quantity": "480",
    "unit": "pcs",
    "from": "2026-11-24T13:00:00Z",
    "to": "2026-11-25T08:30:00Z",
}
BODY = {
    "contact": str(UUID(int=5)),
    "name": "Anna",
    "order": "SO-1042",
    "reference": "PO-7781",
    "customer": "Acme Ltd",
    "time_zone": "Europe/Berlin",
    "reason": "machine",
    "lines": [LINE],
}


def letter(language: str, **body: Any) -> Letter:
    return Letter(
        source="customer_notices",
        id=1,
        message_id=UUID(int=1),
        why="date_moved",
        recipient="Anna",
        channel="email",
        address="anna@acme.example",
        language=language,
        priority="medium",
        body=BODY | body,
        attempts=1,
        decided_at=datetime(2026, 11, 23, 12, tzinfo=UTC),
    )


async def read(language: str, *, url: str = URL, **body: Any) -> Rendered:
    source = CustomerLetters(installation_key=KEY, public_url=url)
    composed = await source.compose(letter(language, **body))
    kind = TEMPLATES[composed.template]
    return render(
        composed, kind.words[language], language=language, priority="medium", public_url=url
    )


async def test_one_line_in_english() -> None:
    told = await read("en")
    assert told.subject == "Order SO-1042: now expected 25 Nov 2026, 09:30 CET"
    assert told.link is not None
    assert told.text == (
        "Hello Anna,\n\n"
        "the expected date of order SO-1042 (your PO-7781) has moved.\n\n"
        "480 pcs Bracket A\n"
        "now expected: 25 Nov 2026, 09:30 CET\n"
        "before: 24 Nov 2026, 14:00 CET\n\n"
        "Reason: a machine is out of order.\n\n"
        f"Where the order is, at any time: {told.link}\n\n"
        f"No more of these messages: {told.headers['List-Unsubscribe'].strip('<>')}\n"
    )


async def test_one_line_in_chinese() -> None:
    told = await read("zh-CN", reference=None)
    assert told.subject == "订单 SO-1042 预计日期调整为 2026-11-25 09:30 CET"
    assert told.text.startswith(
        "Anna，您好！\n\n订单 SO-1042 的预计日期有变动。\n\n480 件 Bracket A\n"
        "现预计：2026-11-25 09:30 CET\n原预计：2026-11-24 14:00 CET\n\n原因：设备故障。\n"
    )


async def test_several_lines_are_a_list() -> None:
    told = await read("en", lines=[LINE, LINE | {"line": 3, "item": "Hinge B"}])
    assert told.subject == "Order SO-1042: 2 dates have moved"
    assert (
        "1 - 480 pcs Bracket A: now 25 Nov 2026, 09:30 CET, before 24 Nov 2026, 14:00 CET\n"
        "3 - 480 pcs Hinge B: now 25 Nov 2026, 09:30 CET, before 24 Nov 2026, 14:00 CET\n"
    ) in told.text


async def test_where_nobody_said_how_it_is_reached_no_link_is_made_up() -> None:
    told = await read("en", url="")
    assert "http" not in told.text
    assert not told.headers
    assert told.text.endswith("Reason: a machine is out of order.\n")


async def test_a_row_that_nobody_understands_is_given_up() -> None:
    source = CustomerLetters(installation_key=KEY, public_url=URL)
    with pytest.raises(LetterError, match="notice 1"):
        await source.compose(letter("en", reason="martians"))


def test_every_reason_has_words_in_both_languages() -> None:
    for language in DATE_MOVED.words:
        assert REASONS[language].keys() == set(PublicReason)
    assert DATE_MOVED.words.keys() == CONFIRM.words.keys() == {"en", "zh-CN"}


class TestReasons:
    @pytest.mark.parametrize(
        ("chain", "reason"),
        [
            ([{"cause": "work"}, {"cause": "material"}], "material"),
            ([{"cause": "unavailable", "closure": "down"}], "machine"),
            ([{"cause": "unavailable", "closure": "maintenance"}], "maintenance"),
            ([{"cause": "unavailable", "closure": "holiday"}], "capacity"),
            ([{"cause": "work"}], "progress"),
            ([{"cause": "machine_busy"}], "capacity"),
            ([{"cause": "something new"}], "capacity"),
            ([], "capacity"),
        ],
    )
    def test_the_root_of_the_chain_in_public_words(
        self, chain: list[dict[str, Any]], reason: str
    ) -> None:
        assert reason_of(Evidence(later=True, chain=chain)) == reason

    def test_why_a_plan_was_made_counts_where_it_leaves_no_doubt(self) -> None:
        assert reason_of(Evidence(later=True, disruptions={"machine_down"})) == "machine"
        both = {"machine_down", "machine_up"}
        assert reason_of(Evidence(later=True, disruptions=both)) == "machine"
        doubt = {"machine_down", "rush_order"}
        assert reason_of(Evidence(later=True, disruptions=doubt)) == "capacity"

    def test_earlier_is_time_gained(self) -> None:
        told = Evidence(later=False, machine_down=True, disruptions={"machine_down"})
        assert reason_of(told) == "recovered"

    def test_of_several_lines_the_one_that_says_most(self) -> None:
        found = [PublicReason.CAPACITY, PublicReason.MACHINE, PublicReason.MATERIAL]
        assert first_of(found) is PublicReason.MATERIAL
