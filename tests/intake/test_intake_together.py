"""Documents that several send at the same moment: taken in together, answered each for itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from intake_plant import (
    MACHINE,
    SITE,
    SOURCE,
    Plant,
    bytes_of,
    change,
    changed,
    document,
    line,
    outcomes,
    read_plain,
)

from api.intake import service
from domain.access import Role

MANY = 40


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents are sent as plain JSON: what is tested lies behind the connectors."""
    monkeypatch.setattr(service, "reader_of", lambda _: read_plain)


class TestAnswers:
    async def test_each_gets_its_own_and_they_share_transactions(self, plant: Plant) -> None:
        sent = [bytes_of(document(f"PO-{one}", line(quantity=str(1 + one)))) for one in range(MANY)]
        answers = await asyncio.gather(*(plant.send(content) for content in sent))
        for one, told in enumerate(answers):
            (taken,) = told["documents"]
            assert (taken["outcome"], taken["number"]) == ("created", f"PO-{one}")
            assert [each["quantity"] for each in taken["lines"]] == [1 + one]
        numbers = {told["documents"][0]["order"] for told in answers}
        assert len(numbers) == MANY
        gathering = plant.context.intake
        assert gathering.members == MANY
        assert gathering.groups < MANY / 2
        ((orders, entries, registered, files),) = await plant.rows(
            "SELECT (SELECT count(*) FROM orders),"
            " (SELECT count(*) FROM audit_log WHERE action = 'OrderReceived'),"
            " (SELECT count(DISTINCT (order_id, file_id)) FROM intake_documents),"
            " (SELECT count(*) FROM intake_files)"
        )
        assert (orders, entries, registered, files) == (MANY, MANY, MANY, MANY)

    async def test_who_sent_what_stays_known(self, plant: Plant) -> None:
        senders = [await plant.as_role(), await plant.as_role(Role.SALES, SITE)]
        await asyncio.gather(
            *(
                plant.send(bytes_of(document(f"PO-{one}")), client=senders[one % 2])
                for one in range(20)
            )
        )
        told = await plant.rows(
            "SELECT o.external_id, a.actor, d.received_by FROM audit_log a"
            " JOIN orders o ON o.id = a.order_id JOIN intake_documents d ON d.order_id = o.id"
            " WHERE a.action = 'OrderReceived'"
        )
        assert len(told) == 20
        for number, actor, received_by in told:
            role = "sales" if int(number.removeprefix("PO-")) % 2 else "admin"
            assert actor == received_by == f"token a-{role}"

    async def test_who_names_no_site_of_theirs_keeps_nobody_out(self, plant: Plant) -> None:
        await plant.put("/v1/sites/plant-2", {"name": "Plant 2", "time_zone": "Europe/Berlin"})
        limited = await plant.as_role(Role.SALES, SITE)

        async def one(number: int) -> Any:
            if number % 4:
                return await plant.send(bytes_of(document(f"PO-{number}")), site=SITE)
            content = bytes_of(document(f"PO-{number}"))
            return await plant.send(
                content,
                client=limited,
                status=422,
                site="plant-2",
                headers={"Idempotency-Key": f"key-{number}"},
            )

        answers = await asyncio.gather(*map(one, range(16)))
        assert [outcomes(answer) for number, answer in enumerate(answers) if number % 4] == [
            ["created"]
        ] * 12
        ((orders, files, keys),) = await plant.rows(
            "SELECT (SELECT count(*) FROM orders), (SELECT count(*) FROM intake_files),"
            " (SELECT count(*) FROM idempotency_keys)"
        )
        assert (orders, files, keys) == (12, 12, 0)

    async def test_one_that_cannot_be_stored_is_refused_alone(self, plant: Plant) -> None:
        """A quantity that the document's check lets pass, and a trigger refuses."""
        await plant.rows(
            "ALTER TABLE order_lines ADD CONSTRAINT not_thirteen CHECK (quantity <> 13)"
        )
        answers = await asyncio.gather(
            *(
                plant.send(bytes_of(document(f"PO-{one}", line(quantity=str(one)))))
                for one in range(1, 21)
            )
        )
        found = [outcomes(answer)[0] for answer in answers]
        assert found == ["created"] * 12 + ["refused"] + ["created"] * 7


class TestOnce:
    async def test_the_same_document_twenty_times_is_one_order(self, plant: Plant) -> None:
        content = bytes_of(document())
        answers = await asyncio.gather(*(plant.send(content) for _ in range(20)))
        found = sorted(outcomes(answer)[0] for answer in answers)
        assert found == ["created", *["repeated"] * 19]
        assert len({answer["documents"][0]["order"] for answer in answers}) == 1
        assert len({answer["documents"][0]["id"] for answer in answers}) == 1
        assert await plant.rows("SELECT repeats FROM intake_documents") == [(19,)]

    async def test_changes_wait_for_orders_that_come_with_them(self, plant: Plant) -> None:
        """Whatever comes first: a change before its order waits, and is applied with it."""
        sent = []
        for one in range(10):
            sent.append(bytes_of(change(f"PO-{one}", changed(quantity="9"), version=2)))
            sent.append(bytes_of(document(f"PO-{one}", version=1)))
        answers = await asyncio.gather(*(plant.send(content) for content in sent))
        assert {outcome for answer in answers for outcome in outcomes(answer)} <= {
            "waiting", "created", "changed",
        }  # fmt: skip
        assert await plant.rows("SELECT DISTINCT quantity FROM order_lines") == [(9,)]
        assert await plant.rows(
            "SELECT outcome, count(*) FROM intake_documents GROUP BY outcome ORDER BY outcome"
        ) == [("changed", 10), ("created", 10)]

    async def test_a_key_is_carried_out_once_among_others(self, plant: Plant) -> None:
        async def one(number: int) -> Any:
            client = await plant.as_role()
            return await client.post(
                "/v1/intake/edifact",
                content=bytes_of(document(f"PO-{number % 5}")),
                headers={"Idempotency-Key": f"key-{number % 5}"},
            )

        answers = await asyncio.gather(*map(one, range(20)))
        assert {answer.status_code for answer in answers} <= {200, 409}
        assert await plant.rows("SELECT count(*) FROM orders") == [(5,)]
        assert await plant.rows(
            "SELECT count(*), bool_and(effective), count(status) FROM idempotency_keys"
        ) == [(5, True, 5)]


class TestLocks:
    async def test_who_waits_for_a_lock_keeps_the_others_half_a_second(self, plant: Plant) -> None:
        await plant.send(bytes_of(document("PO-held", version=1)))
        async with plant.context.transaction() as holding:
            await holding.execute(
                "SELECT FROM intake_heads WHERE (source, number) = (%s, 'PO-held') FOR UPDATE",
                (SOURCE,),
            )
            held = asyncio.create_task(
                plant.send(
                    bytes_of(change("PO-held", changed(quantity="7"), version=2)), client=None
                )
            )
            async with asyncio.timeout(60):
                answers = await asyncio.gather(
                    *(plant.send(bytes_of(document(f"PO-{one}"))) for one in range(10))
                )
            assert [outcomes(answer) for answer in answers] == [["created"]] * 10
            assert not held.done()
        assert outcomes(await held) == ["changed"]

    async def test_the_machine_of_the_plant_is_where_the_orders_are_made(
        self, plant: Plant
    ) -> None:
        """With several sites the maker's is taken, for everybody in a group."""
        await plant.put("/v1/sites/plant-2", {"name": "Plant 2", "time_zone": "Europe/Berlin"})
        answers = await asyncio.gather(
            *(plant.send(bytes_of(document(f"PO-{one}"))) for one in range(8))
        )
        assert {answer["documents"][0]["site"] for answer in answers} == {MACHINE.split("/")[0]}
