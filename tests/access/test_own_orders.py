"""Customers see their own orders: by the code, and by PostgreSQL when the code is wrong."""

from __future__ import annotations

import httpx
import psycopg
import pytest
from api_client import Api
from psycopg import sql

from domain.access import Role
from store import own_orders
from store.filters import Page
from store.own_orders import as_customer


@pytest.fixture
async def acme(plant: httpx.AsyncClient, api: Api) -> httpx.AsyncClient:
    del plant
    return await api.as_role(Role.CUSTOMER, customer="acme")


async def customer_id(api: Api, code: str = "acme") -> int:
    rows = await api.rows("SELECT id FROM customers WHERE code = %s", code)
    return int(rows[0][0])


class TestOwnOrders:
    async def test_a_customer_sees_their_orders_and_no_others(
        self, acme: httpx.AsyncClient
    ) -> None:
        listed = (await acme.get("/v1/own/orders")).json()
        assert [(o["number"], o["reference"]) for o in listed["items"]] == [("SO-acme", "PO acme")]
        assert listed["total"] == 1

    async def test_an_order_tells_what_a_tracking_link_tells_and_its_lines(
        self, acme: httpx.AsyncClient
    ) -> None:
        answer = await acme.get("/v1/own/orders/SO-acme")
        assert answer.status_code == 200, answer.text
        view = answer.json()
        assert (view["customer"], view["stage"], view["percent"]) == ("Acme Ltd", "scheduled", 0)
        assert [(line["item"], line["quantity"]) for line in view["lines"]] == [("bracket", 100)]
        for inside in ("WO-", "cutting", "line1", "globex", "Hinge"):
            assert inside not in answer.text

    async def test_what_was_promised_stands_beside_what_is_wanted(
        self, acme: httpx.AsyncClient, api: Api
    ) -> None:
        view = (await acme.get("/v1/own/orders/SO-acme")).json()
        assert view["lines"][0]["promised"] is None
        await api.rows("UPDATE order_lines SET promised_at = '2027-02-01T10:00:00Z'")
        view = (await acme.get("/v1/own/orders/SO-acme")).json()
        assert view["lines"][0]["promised"].startswith("2027-02-01T10:00:00")

    async def test_its_shipments_are_listed(self, acme: httpx.AsyncClient, api: Api) -> None:
        await api.rows(
            "INSERT INTO shipments (order_id, number, state, device) "
            "SELECT id, 1, 'packed', 'd' FROM orders"
        )
        await api.rows(
            "INSERT INTO shipment_lines (order_id, number, order_line_id, picked, packed, shipped)"
            " SELECT order_id, 1, id, 7, 7, 0 FROM order_lines"
        )
        answer = await acme.get("/v1/own/orders/SO-acme/shipments")
        assert [(s["number"], s["packed"]) for s in answer.json()["items"]] == [(1, 7)]

    @pytest.mark.parametrize("path", ["SO-globex", "SO-globex/shipments", "nothing", "a%00b"])
    async def test_what_is_somebody_elses_does_not_exist(
        self, acme: httpx.AsyncClient, path: str
    ) -> None:
        assert (await acme.get(f"/v1/own/orders/{path}")).status_code in (404, 422)

    async def test_searching_finds_nothing_of_others(self, acme: httpx.AsyncClient) -> None:
        for search in ("globex", "%", "SO-"):
            items = (await acme.get("/v1/own/orders", params={"search": search})).json()["items"]
            assert {item["number"] for item in items} <= {"SO-acme"}

    async def test_a_limit_to_sites_holds_for_customers_too(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        elsewhere = await api.as_role(Role.CUSTOMER, "plant-2", customer="acme")
        assert (await elsewhere.get("/v1/own/orders")).json()["total"] == 0
        assert (await elsewhere.get("/v1/own/orders/SO-acme")).status_code == 404

    async def test_staff_have_no_own_orders(self, plant: httpx.AsyncClient) -> None:
        assert (await plant.get("/v1/own/orders")).status_code == 403

    async def test_a_token_for_no_customer_opens_nothing(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        from runtime.tokens import issue_token  # noqa: PLC0415

        for customer in (None, "nobody", "a\x00"):
            token = issue_token(api.context.signing_key, role="customer", customer=customer)
            client = api.client(Authorization=f"Bearer {token}")
            assert (await client.get("/v1/own/orders")).status_code == 401


class TestRowLevelSecurity:
    """What the role sees, whatever is asked."""

    @pytest.mark.parametrize(
        ("query", "seen"),
        [
            ("SELECT number FROM orders", ["SO-acme"]),
            ("SELECT number FROM orders WHERE number = 'SO-globex' OR true", ["SO-acme"]),
            ("SELECT o.number FROM order_lines l JOIN orders o ON o.id = l.order_id", ["SO-acme"]),
            ("SELECT code FROM customers", ["acme"]),
            ("SELECT code FROM items", ["bracket"]),
            ("SELECT code FROM sites", ["plant-1"]),
            ("SELECT count(*)::text FROM audit_log", ["2"]),
            ("SELECT count(*)::text FROM order_lines", ["1"]),
            ("SELECT count(*)::text FROM tracking_links", ["0"]),
        ],
    )
    async def test_only_the_customers_rows(
        self, plant: httpx.AsyncClient, api: Api, query: str, seen: list[str]
    ) -> None:
        await plant.post("/v1/orders/SO-globex/tracking-links")
        wanted = await customer_id(api)
        async with api.context.connection() as connection, as_customer(connection, wanted):
            cursor = await connection.execute(query.encode())
            assert [row[0] for row in await cursor.fetchall()] == seen

    async def test_without_a_customer_nothing_at_all(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        async with api.context.connection() as connection, connection.transaction():
            await connection.execute("SET LOCAL ROLE gemba_customer")
            for table in ("orders", "order_lines", "customers", "items", "sites", "audit_log"):
                cursor = await connection.execute(
                    sql.SQL("SELECT count(id) FROM {}").format(sql.Identifier(table))
                )
                assert await cursor.fetchone() == (0,), table

    async def test_every_other_table_is_denied_and_nothing_can_be_written(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        wanted = await customer_id(api)
        rows = await api.rows(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p', 'v', 'm', 'S') ORDER BY relname"
        )
        readable = {
            "orders", "order_lines", "order_parties", "shipments", "shipment_lines",
            "tracking_links", "audit_log", "customers", "customer_contacts", "items", "sites",
        }  # fmt: skip
        names = [row[0] for row in rows]
        assert readable < set(names)
        async with api.context.connection() as connection:
            for name in names:
                for statement in ("SELECT 1 FROM {}", "DELETE FROM {}", "TRUNCATE {}"):
                    if name in readable and statement.startswith("SELECT"):
                        continue
                    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.Error)):
                        async with as_customer(connection, wanted):
                            await connection.execute(
                                sql.SQL(statement).format(sql.Identifier(name))
                            )

    @pytest.mark.parametrize(
        "query",
        [
            "SELECT token_hash FROM tracking_links",
            "SELECT external_id FROM orders",
            "SELECT actor FROM audit_log",
            "SELECT * FROM users",
            "UPDATE orders SET priority = 9",
            "INSERT INTO audit_log (actor, origin, action) VALUES ('me', 'x', 'y')",
        ],
    )
    async def test_columns_that_are_not_theirs_are_denied(
        self, plant: httpx.AsyncClient, api: Api, query: str
    ) -> None:
        del plant
        wanted = await customer_id(api)
        async with api.context.connection() as connection:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                async with as_customer(connection, wanted):
                    await connection.execute(query.encode())

    async def test_a_mistake_in_the_code_shows_nobody_elses_order(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        """The other customer's id asked for outright, and an id that does not match the role's."""
        del plant
        acme, globex = await customer_id(api), await customer_id(api, "globex")
        (foreign,) = (await api.rows("SELECT id FROM orders WHERE number = 'SO-globex'"))[0]
        async with api.context.connection() as connection:
            async with as_customer(connection, acme):
                rows, total = await own_orders.own_orders(
                    connection, Page(10, 0), customer_id=globex
                )
            assert (rows, total) == ([], 0)
            assert await own_orders.pictures(connection, acme, [foreign], now_ms=0) == {}

    async def test_the_role_ends_with_the_transaction(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        wanted = await customer_id(api)
        async with api.context.connection() as connection:
            with pytest.raises(ZeroDivisionError):
                async with as_customer(connection, wanted):
                    raise ZeroDivisionError
            async with as_customer(connection, wanted):
                pass
            cursor = await connection.execute(
                "SELECT current_user::text, current_setting('gemba.customer_id', true),"
                " (SELECT count(*) FROM orders)"
            )
            row = await cursor.fetchone()
        assert row is not None
        assert row[0] != "gemba_customer"
        assert not row[1]
        assert row[2] == 2


TOLD = "SELECT told::json -> 'order' ->> 'number' FROM own_order_told(%s, %s)"


class TestOwnOrderTold:
    """The function that reads a customer's order as the role."""

    async def told(self, api: Api, customer: int, number: str) -> list[str]:
        return [row[0] for row in await api.rows(TOLD, customer, number)]

    async def test_it_tells_a_customers_own_order_and_no_other(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        acme, globex = await customer_id(api), await customer_id(api, "globex")
        assert await self.told(api, acme, "SO-acme") == ["SO-acme"]
        assert await self.told(api, acme, "SO-globex") == []
        assert await self.told(api, globex, "SO-acme") == []
        assert await self.told(api, 0, "SO-acme") == []

    async def test_it_is_the_policies_that_show_it(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        """Whoever calls owns the tables: without the policies they would see everything."""
        del plant
        acme = await customer_id(api)
        for policy, table in (("own_lines", "order_lines"), ("own_orders", "orders")):
            await api.rows(
                sql.SQL("ALTER POLICY {} ON {} USING (false)")
                .format(sql.Identifier(policy), sql.Identifier(table))
                .as_string()
            )
            rows = await api.rows(
                "SELECT told::json -> 'lines' FROM own_order_told(%s, 'SO-acme')", acme
            )
            assert rows == ([([],)] if table == "order_lines" else [])

    async def test_role_and_customer_end_with_the_call(
        self, plant: httpx.AsyncClient, api: Api
    ) -> None:
        del plant
        acme = await customer_id(api)
        standing = (
            "SELECT current_user = session_user, current_setting('gemba.customer_id', true),"
            " (SELECT count(*) FROM orders)"
        )
        async with api.context.connection() as connection, connection.transaction():
            await connection.execute(TOLD, (acme, "SO-acme"))
            cursor = await connection.execute(standing)
            assert await cursor.fetchone() in ((True, "", 2), (True, None, 2))

    async def test_it_gives_nobody_a_right(self, plant: httpx.AsyncClient, api: Api) -> None:
        """It runs with its caller's rights, and nobody but the services' own role may call it."""
        del plant
        acme = await customer_id(api)
        rows = await api.rows(
            "SELECT prosecdef, proconfig, has_function_privilege('gemba_customer', oid, 'EXECUTE')"
            " FROM pg_proc WHERE proname = 'own_order_told'"
        )
        assert rows == [(False, ["role=gemba_customer"], False)]
        async with api.context.connection() as connection:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="own_order_told"):
                async with as_customer(connection, acme):
                    await connection.execute(TOLD, (acme, "SO-acme"))
