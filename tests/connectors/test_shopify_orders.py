"""Webhooks of a shop become orders; a wrong signature is told from a right one."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.options import ReadOptions
from connectors.shopify import read, verify
from domain.document_order import Apply, KnownOrder, Leave, Outcome, decide, digest
from domain.documents import (
    DocumentKind,
    Name,
    NameScheme,
    OrderDocument,
    PartyRole,
    Problem,
    Reading,
    Severity,
)

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "howto" / "samples"
BODY = (SAMPLES / "shopify-order.json").read_bytes()
OPTIONS = ReadOptions(source="shopify:gemba-parts.myshopify.com")
SECRET = "a-secret-of-this-test"


def order_with(**fields: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(BODY)
    told.update(fields)
    return told


def reading_of(told: object, options: ReadOptions = OPTIONS) -> Reading:
    return read(json.dumps(told).encode(), options)


def only(reading: Reading) -> OrderDocument:
    assert len(reading.documents) == 1, reading.problems
    return reading.documents[0]


def problem(reading: Reading, code: str) -> Problem:
    found = [one for one in reading.problems if one.code == code]
    assert len(found) == 1, reading.problems
    return found[0]


def signed(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


class TestVerify:
    def test_a_known_signature_fits(self) -> None:
        # By `printf '{"id":1}' | openssl dgst -sha256 -hmac hush -binary | base64`.
        assert verify(b'{"id":1}', signed(b'{"id":1}', "hush"), "hush")
        assert verify(BODY, signed(BODY), SECRET)
        assert verify(BODY, signed(BODY), SECRET.encode())

    @pytest.mark.parametrize(
        "header",
        [
            None, "", "AAAA", "not base64!", "ü", signed(BODY + b" "), signed(BODY, "other"),
            signed(BODY).lower(), base64.b64encode(b"x" * 31).decode(), "A" * 10_000,
            hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest(),
        ],
    )  # fmt: skip
    def test_anything_else_does_not(self, header: str | None) -> None:
        assert not verify(BODY, header, SECRET)

    def test_an_empty_secret_verifies_nothing(self) -> None:
        assert not verify(BODY, signed(BODY, ""), "")

    @given(body=st.binary(max_size=50), header=st.text(max_size=60), secret=st.text(max_size=20))
    @settings(max_examples=100, deadline=None)
    def test_it_never_raises(self, body: bytes, header: str, secret: str) -> None:
        assert verify(body, header, secret) is False


class TestOrder:
    def test_the_head_is_read(self) -> None:
        order = only(read(BODY, OPTIONS))
        assert order.kind is DocumentKind.ORDER
        assert order.source == "shopify:gemba-parts.myshopify.com"
        assert order.number == "#1042"
        assert order.message == "820982911946154500"
        changed_at = datetime.fromisoformat("2026-11-21T16:05:30+01:00")
        assert order.version == int(changed_at.timestamp() * 1000)
        assert order.issued == datetime.fromisoformat("2026-11-20T09:12:00+01:00")
        assert order.due == date(2026, 12, 10)
        assert order.currency == "EUR"
        assert order.customer_reference == "PO-77"
        assert order.priority == 100
        assert order.complete
        assert order.notes == ("Please call before delivery", "Delivery date: 2026-12-10")

    def test_lines_say_what_is_left_of_them(self) -> None:
        reading = read(BODY, OPTIONS)
        lamp, cord = only(reading).lines
        assert lamp.position == "866550311766439020"
        assert lamp.names == (
            Name(NameScheme.SUPPLIER, "LAMP-12W"),
            Name(NameScheme.OTHER, "variant 808950810"),
        )
        assert lamp.description == "Lamp - 12 W"
        assert (lamp.quantity, lamp.price) == (Decimal(36), Decimal("19.9"))
        assert (cord.names[0].value, cord.quantity) == ("CORD-2M", Decimal(36))
        removed = problem(reading, "line_removed")
        assert (removed.severity, removed.place) == (
            Severity.NOTE,
            "$.line_items[1].current_quantity",
        )

    def test_the_people_are_read(self) -> None:
        order = only(read(BODY, OPTIONS))
        customer = order.party(PartyRole.SOLD_TO)
        assert customer is not None
        assert customer.names == (
            Name(NameScheme.EMAIL, "ana.ruiz@example.com"),
            Name(NameScheme.OTHER, "customer 115310627314723950"),
        )
        assert customer.name == "Ana Ruiz"
        ship_to = order.party(PartyRole.SHIP_TO)
        assert ship_to is not None
        assert ship_to.street == ("Polígono Sur 12", "Nave 3")
        assert (ship_to.postal_code, ship_to.country, ship_to.region) == ("41013", "ES", "SE")
        bill_to = order.party(PartyRole.BILL_TO)
        assert bill_to is not None
        assert bill_to.name == "Ruiz Iluminación SL, Ana Ruiz"

    def test_a_cancelled_order_is_cancelled(self) -> None:
        order = only(reading_of(order_with(cancelled_at="2026-11-22T08:00:00+01:00")))
        assert order.kind is DocumentKind.CANCEL

    def test_an_order_of_which_nothing_is_left_is_cancelled(self) -> None:
        told = order_with()
        for item in told["line_items"]:
            item["current_quantity"] = 0
        reading = reading_of(told)
        assert only(reading).kind is DocumentKind.CANCEL
        assert problem(reading, "lines_removed").severity is Severity.NOTE

    def test_several_orders_come_in_one_list(self) -> None:
        told = {"orders": [order_with(), order_with(name="#1043"), order_with(name=None)]}
        told["orders"][2].pop("order_number")
        reading = reading_of(told)
        assert [one.number for one in reading.documents] == ["#1042", "#1043"]
        assert problem(reading, "number_missing").place == "$.orders[2].name"

    def test_the_shop_is_known_by_its_page_if_nobody_says_it(self) -> None:
        assert only(read(BODY, ReadOptions())).source == "shopify:gemba-parts.myshopify.com"
        reading = reading_of(order_with(order_status_url=None), ReadOptions())
        assert only(reading).source == "shopify"
        assert problem(reading, "sender_missing").severity is Severity.WARNING

    def test_an_edit_is_passed_over(self) -> None:
        reading = reading_of({"order_edit": {"id": 1, "order_id": 2, "line_items": {}}})
        assert reading.documents == ()
        assert problem(reading, "edit_passed_over").severity is Severity.NOTE


class TestTexts:
    def test_what_nobody_sees_is_not_kept(self) -> None:
        order = only(reading_of(order_with(name="#1\x00", note="a\x00b\x9fc")))
        assert (order.number, order.notes[0]) == ("#1", "a b c")

    def test_halves_of_characters_and_endless_numbers_are_no_json(self) -> None:
        for bad in (b'"\\ud800"', b"9" * 5000):
            reading = read(BODY.replace(b"820982911946154500", bad), OPTIONS)
            assert problem(reading, "not_json").document is None


class TestOutOfOrder:
    def test_the_same_webhook_twice_says_the_same(self) -> None:
        first, second = only(read(BODY, OPTIONS)), only(read(BODY, OPTIONS))
        assert digest(first) == digest(second)

    def test_the_older_one_changes_nothing_and_the_newer_one_applies(self) -> None:
        older = only(reading_of(order_with(updated_at="2026-11-20T09:12:05+01:00")))
        newer = only(read(BODY, OPTIONS))
        assert older.version < newer.version
        late = decide(older, KnownOrder(version=newer.version))
        assert isinstance(late, Leave)
        assert late.outcome is Outcome.OUTDATED
        assert decide(newer, KnownOrder(version=older.version)) == Apply(whole=True)

    def test_offsets_do_not_change_which_is_newer(self) -> None:
        one = only(reading_of(order_with(updated_at="2026-11-21T15:05:31Z")))
        other = only(reading_of(order_with(updated_at="2026-11-21T16:05:30+01:00")))
        assert one.version == other.version + 1000


class TestProblems:
    @pytest.mark.parametrize(
        ("change", "code", "place"),
        [
            ({"line_items": []}, "lines_missing", "$.line_items"),
            ({"line_items": [7]}, "not_a_line", "$.line_items[0]"),
            ({"line_items": [{"id": 1, "sku": "A", "quantity": -1}]}, "quantity_wrong",
             "$.line_items[0].quantity"),
            ({"line_items": [{"id": 1, "sku": "A", "quantity": 1.5, "price": "x"}]}, "price_wrong",
             "$.line_items[0].price"),
            ({"name": "#" * 81}, "text_too_long", "$.name"),
            ({"line_items": [{"id": 1, "sku": "S" * 81, "quantity": 1}]}, "text_too_long",
             "$.line_items[0].sku"),
            ({"line_items": [{"id": 1, "quantity": 1}]}, "item_missing", "$.line_items[0].sku"),
        ],
    )  # fmt: skip
    def test_errors_are_told_by_path(self, change: dict[str, Any], code: str, place: str) -> None:
        reading = reading_of(order_with(**change))
        assert reading.documents == ()
        found = problem(reading, code)
        assert (found.severity, found.place) == (Severity.ERROR, place)
        assert found.document == change.get("name", "#1042")

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"updated_at": "yesterday"}, "version_unknown"),
            ({"currency": "euros"}, "currency_unknown"),
            ({"test": True}, "test_document"),
            ({"note_attributes": [{"name": "Delivery date", "value": "soon"}]}, "date_wrong"),
        ],
    )
    def test_warnings_let_it_in(self, change: dict[str, Any], code: str) -> None:
        reading = reading_of(order_with(**change))
        assert len(reading.documents) == 1
        assert problem(reading, code).severity is Severity.WARNING

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (b"", "not_json"), (b"\xff\xfe", "not_json"), (b"[]", "not_an_order"),
            (b"[" * 100_000, "not_json"), (b"[" * 200 + b"]" * 200, "too_deep"),
            (b'{"a":' * 500 + b"1" + b"}" * 500, "too_deep"),
        ],
    )  # fmt: skip
    def test_what_is_no_order_is_refused(self, content: bytes, code: str) -> None:
        (found,) = read(content, OPTIONS).problems
        assert found.code in {code, "too_deep"}
        assert found.document is None

    def test_limits_hold(self) -> None:
        assert read(BODY, ReadOptions(max_bytes=10)).problems[0].code == "too_large"
        many = {"orders": [order_with()] * 3}
        assert reading_of(many, ReadOptions(max_orders=2)).problems[0].code == "too_many_orders"
        assert problem(read(BODY, ReadOptions(max_lines=2)), "too_many_lines").document == "#1042"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)


class TestAnything:
    @given(st.binary(max_size=200))
    @settings(max_examples=150, deadline=None)
    def test_bytes_never_raise(self, content: bytes) -> None:
        assert read(content, OPTIONS).documents == ()

    @given(value=JSON, data=st.data())
    @settings(max_examples=400, deadline=None)
    def test_any_value_in_any_field_never_raises(self, value: object, data: st.DataObject) -> None:
        told = copy.deepcopy(order_with())
        holders: list[Any] = [
            told,
            told["customer"],
            told["line_items"][0],
            told["shipping_address"],
        ]
        holder = data.draw(st.sampled_from(holders))
        holder[data.draw(st.sampled_from(sorted(holder)))] = value
        reading = reading_of(told)
        assert reading.documents or any(one.severity is Severity.ERROR for one in reading.problems)
