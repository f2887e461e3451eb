"""The how-tos' samples through the API: IDocs with their answer, signed webhooks out of order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path

from defusedxml.ElementTree import fromstring
from intake_plant import SITE, Plant

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "howto" / "samples"
SECRET = "a-secret-of-this-test"


async def taken(plant: Plant, content: bytes, spoken: str) -> dict[str, object]:
    told = await plant.send(content, spoken, site=SITE)
    (document,) = told["documents"]
    outcome: dict[str, object] = document
    return outcome


class TestSap:
    async def test_an_order_its_change_and_what_goes_back(self, plant: Plant) -> None:
        order = (SAMPLES / "sap-orders05.xml").read_bytes()
        created = await taken(plant, order, "sap-idoc")
        assert (created["outcome"], created["number"]) == ("created", "4500017301")
        assert created["currency"] == "EUR"
        assert (await taken(plant, order, "sap-idoc"))["outcome"] == "repeated"
        changed = await taken(plant, (SAMPLES / "sap-ordchg.xml").read_bytes(), "sap-idoc")
        assert changed["outcome"] == "changed"
        assert (await taken(plant, order, "sap-idoc"))["outcome"] in {"repeated", "outdated"}
        lines = await plant.rows(
            "SELECT source_position, quantity, state FROM order_lines ORDER BY number"
        )
        assert [(position, int(amount)) for position, amount, state in lines
                if state != "cancelled"] == [("000010", 1000), ("000030", 50)]  # fmt: skip
        await plant.rows("UPDATE order_lines SET state = 'confirmed' WHERE state <> 'cancelled'")
        (answer,) = (await plant.get(f"/v1/intake/documents/{created['id']}/answers"))["items"]
        assert answer["kind"] == "ORDRSP"
        idoc = fromstring(answer["content"].encode())
        assert idoc.findtext("IDOC/EDI_DC40/RCVPRN") == "PRDCLNT100"
        assert idoc.findtext("IDOC/E1EDP01/E1EDP20/WMENG") == "1000.000"


class TestShop:
    async def test_webhooks_repeated_and_out_of_order(self, plant: Plant) -> None:
        channel = {"format": "shopify", "site": SITE, "secret": SECRET}
        await plant.put("/v1/channels/web-shop", channel)
        newer = (SAMPLES / "shopify-order.json").read_bytes()
        told = json.loads(newer)
        told["updated_at"] = told["created_at"]
        told["line_items"][0]["current_quantity"] = 40
        older = json.dumps(told).encode()

        async def webhook(body: bytes, secret: str = SECRET, status: int = 200) -> str:
            digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
            headers = {
                "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
                "X-Shopify-Shop-Domain": "gemba-parts.myshopify.com",
            }
            async with plant.client() as shop:
                answer = await plant.send(
                    body, "shopify", client=shop, status=status, headers=headers, channel="web-shop"
                )
            return str(answer["documents"][0]["outcome"]) if status == 200 else ""

        assert await webhook(newer) == "created"
        assert await webhook(newer) == "repeated"
        assert await webhook(older) == "outdated"
        await webhook(newer, secret="another-secret", status=401)
        rows = await plant.rows(
            "SELECT o.external_source, o.external_id, l.quantity, i.code FROM orders o"
            " JOIN order_lines l ON l.order_id = o.id JOIN items i ON i.id = l.item_id"
            " ORDER BY l.number"
        )
        assert [(source, number, int(amount), code) for source, number, amount, code in rows] == [
            ("shopify:gemba-parts.myshopify.com", "#1042", 36, "LAMP-12W"),
            ("shopify:gemba-parts.myshopify.com", "#1042", 36, "CORD-2M"),
        ]
