"""What goes back to SAP: read again by an independent parser, field by field."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

import msgspec
from defusedxml.ElementTree import fromstring

from connectors.sap_idoc import (
    Confirmation,
    Control,
    order_response,
    production_confirmation,
    ship_notice,
)
from domain.documents import (
    AnsweredLine,
    AnswerStatus,
    Name,
    NameScheme,
    OrderAnswer,
    Party,
    PartyRole,
    ShipNotice,
    ShippedLine,
)

CONTROL = Control(
    message="719301", sender="PRDCLNT100", sender_type="LS", sender_port="SAPPRD",
    receiver="GEMBA", receiver_port="GEMBAP",
)  # fmt: skip
BERLIN = ZoneInfo("Europe/Berlin")
AT = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
HOUSING = (Name(NameScheme.SUPPLIER, "HOUSING-40"), Name(NameScheme.BUYER, "104711"))


def element(content: bytes, path: str) -> Element:
    """What stands at a path of the document."""
    found = fromstring(content).find(path)
    assert found is not None
    return found


def answer() -> OrderAnswer:
    return OrderAnswer(
        number="4500017301",
        our_number="SO-1",
        status=AnswerStatus.CHANGED,
        answered_at=AT,
        issued=date(2026, 11, 20),
        currency="EUR",
        parties=(
            Party(role=PartyRole.SOLD_TO, role_code="AG",
                  names=(Name(NameScheme.SUPPLIER, "100042"),), name="Nordmann & Söhne <GmbH>"),
        ),
        lines=(
            AnsweredLine(
                position="000010", status=AnswerStatus.CHANGED, names=HOUSING,
                description="Housing",
                quantity=Decimal(1200), confirmed_quantity=Decimal("1000.5"), unit="PCE",
                price=Decimal("1.845"), due=date(2026, 12, 11), confirmed_due=date(2026, 12, 14),
                reason="rest in January",
            ),
            AnsweredLine(
                position="000020", status=AnswerStatus.REJECTED, quantity=Decimal(5),
                confirmed_quantity=Decimal(0), reason="no longer made\x00",
            ),
        ),
    )  # fmt: skip


class TestOrderResponse:
    def test_it_goes_back_to_the_sender(self) -> None:
        made = order_response(answer(), CONTROL, zone=BERLIN)
        assert (made.kind, made.media_type) == ("ORDRSP", "application/xml")
        control = element(made.content, "IDOC/EDI_DC40")
        told = {one.tag: one.text for one in control}
        assert told["IDOCTYP"] == "ORDERS05"
        assert told["MESTYP"] == "ORDRSP"
        assert (told["RCVPRN"], told["RCVPRT"], told["RCVPOR"]) == ("PRDCLNT100", "LS", "SAPPRD")
        assert (told["SNDPRN"], told["SNDPOR"]) == ("GEMBA", "GEMBAP")
        # Half past midnight in Berlin is the next day.
        assert (told["CREDAT"], told["CRETIM"]) == ("20261123", "003000")

    def test_the_head_names_both_numbers(self) -> None:
        idoc = element(order_response(answer(), CONTROL).content, "IDOC")
        assert idoc.findtext("E1EDK01/BELNR") == "SO-1"
        references = {
            one.findtext("QUALF"): (one.findtext("BELNR"), one.findtext("DATUM"))
            for one in idoc.findall("E1EDK02")
        }
        assert references == {"001": ("4500017301", "20261120"), "002": ("SO-1", None)}
        assert idoc.findtext("E1EDKA1/NAME1") == "Nordmann & Söhne <GmbH>"
        assert idoc.findtext("E1EDS01/SUMME") == "2"

    def test_a_line_says_what_was_asked_and_what_is_confirmed(self) -> None:
        idoc = element(order_response(answer(), CONTROL).content, "IDOC")
        first, second = idoc.findall("E1EDP01")
        assert first.findtext("POSEX") == "000010"
        assert first.findtext("ACTION") == "002"
        assert first.findtext("MENGE") == "1200.000"
        assert first.findtext("E1EDP20/WMENG") == "1000.500"
        assert first.findtext("E1EDP20/EDATU") == "20261214"
        assert first.findtext("VPREI") == "1.845"
        names = {one.findtext("QUALF"): one.findtext("IDTNR") for one in first.findall("E1EDP19")}
        assert names == {"002": "HOUSING-40", "001": "104711"}
        assert first.findtext("E1EDPT1/E1EDPT2/TDLINE") == "rest in January"
        assert second.findtext("ACTION") == "003"
        assert second.findtext("E1EDP20/WMENG") == "0.000"
        assert second.findtext("ABGRT") == "no longer made "

    def test_the_parts_of_an_item_are_one_item_again(self) -> None:
        line = answer().lines[0]
        parts = [
            msgspec.structs.replace(
                line, position=f"000010/{rank}", quantity=amount, confirmed_quantity=amount,
                confirmed_due=date(2026, 12, rank), status=status, reason=None,
            )
            for rank, amount, status in (
                (1, Decimal(700), AnswerStatus.ACCEPTED), (2, Decimal(500), AnswerStatus.CHANGED),
            )
        ]  # fmt: skip
        told = msgspec.structs.replace(answer(), lines=tuple(parts))
        idoc = element(order_response(told, CONTROL).content, "IDOC")
        (item,) = idoc.findall("E1EDP01")
        assert (item.findtext("POSEX"), item.findtext("ACTION")) == ("000010", "002")
        assert item.findtext("MENGE") == "1200.000"
        schedule = [(one.findtext("WMENG"), one.findtext("EDATU")) for one in item.iter("E1EDP20")]
        assert schedule == [("700.000", "20261201"), ("500.000", "20261202")]
        assert idoc.findtext("E1EDS01/SUMME") == "1"


class TestShipNotice:
    def notice(self) -> ShipNotice:
        return ShipNotice(
            shipment="SH-7", number="4500017301", our_number="SO-1", shipped_at=AT,
            expected_at=datetime(2026, 11, 24, 10, 0, tzinfo=UTC), carrier="DHL",
            tracking_number="JD0001",
            parties=(Party(role=PartyRole.SHIP_TO, role_code="WE", name="Lager 2", city="Kassel"),),
            lines=(
                ShippedLine(position="000010", names=HOUSING, quantity=Decimal(600), unit="PCE",
                            lots=("L1",)),
                ShippedLine(position="000020", quantity=Decimal(5), lots=("L2", "L3")),
            ),
        )  # fmt: skip

    def test_the_delivery_says_who_when_and_how(self) -> None:
        made = ship_notice(self.notice(), CONTROL, zone=BERLIN)
        assert made.kind == "DESADV"
        assert fromstring(made.content).tag == "DELVRY05"
        delivery = element(made.content, "IDOC/E1EDL20")
        assert delivery.findtext("VBELN") == "SH-7"
        assert delivery.findtext("BOLNR") == "JD0001"
        partners = {
            one.findtext("PARTNER_Q"): one.findtext("NAME1") for one in delivery.findall("E1ADRM1")
        }
        assert partners == {"WE": "Lager 2", "SP": "DHL"}
        times = {
            one.findtext("QUALF"): (one.findtext("NTANF"), one.findtext("ISDD"))
            for one in delivery.findall("E1EDT13")
        }
        assert times == {"006": ("20261123", "20261123"), "007": ("20261124", None)}

    def test_a_line_names_the_customers_item_and_its_lots(self) -> None:
        delivery = element(ship_notice(self.notice(), CONTROL).content, "IDOC/E1EDL20")
        first, second = delivery.findall("E1EDL24")
        assert first.findtext("POSNR") == "000001"
        assert (first.findtext("MATNR"), first.findtext("KDMAT")) == ("HOUSING-40", "104711")
        assert (first.findtext("LFIMG"), first.findtext("VRKME")) == ("600.000", "PCE")
        assert first.findtext("CHARG") == "L1"
        assert first.findtext("E1EDL41/BSTNR") == "4500017301"
        assert first.findtext("E1EDL41/POSEX") == "000010"
        assert second.findtext("CHARG") is None
        lots = [one.text for one in second.findall("E1TXTH9/E1TXTP9/TDLINE")]
        assert lots == ["LOT L2", "LOT L3"]


class TestProductionConfirmation:
    def test_a_ticket_says_what_was_made(self) -> None:
        made = production_confirmation(
            [
                Confirmation(
                    order="1000123", operation="10", good=Decimal(480), scrap=Decimal(20),
                    unit="PCE", final=True, posted_at=AT, ended_at=AT, text="shift 2",
                )
            ],
            zone=BERLIN,
        )  # fmt: skip
        assert made.kind == "BAPI_PRODORDCONF_CREATE_TT"
        told = json.loads(made.content)
        assert told["TESTRUN"] == ""
        assert told["TIMETICKETS"] == [
            {
                "ORDERID": "000001000123", "OPERATION": "0010", "FIN_CONF": "X",
                "POSTG_DATE": "20261123", "CONF_TEXT": "shift 2", "CONF_QUAN_UNIT_ISO": "PCE",
                "YIELD": "480.000", "SCRAP": "20.000", "REWORK": "0.000",
                "EXEC_FIN_DATE": "20261123", "EXEC_FIN_TIME": "003000",
            }
        ]  # fmt: skip
