"""Channels with `poll`: asked by notify, who tells how it goes; nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from aiohttp import web
from intake_plant import SITE, Plant

sys.path.append(str(Path(__file__).resolve().parents[1] / "connectors"))

from erp_servers import Kingdee, Yonyou, serving

from domain.access import Role
from launch.orders_poll import PollFailedError, channel_of
from launch.ports import free_port
from notify.polling import ChannelPoller
from runtime.clock import SystemClock
from runtime.health import HealthState
from runtime.tasks import end
from store.leases import Leases

ROOT = Path(__file__).resolve().parents[2]
HOWTO = ROOT / "docs" / "howto"
PATIENCE_S = 60.0
SECRET = "app-secret"


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - what is waited for happens elsewhere
            await asyncio.sleep(0.05)


async def at_once(_seconds: float) -> None:
    """Clients do not wait between attempts of one call."""


@pytest.fixture
async def admin(plant: Plant) -> httpx.AsyncClient:
    return await plant.as_role(Role.ADMIN)


@pytest.fixture
async def api_url(plant: Plant) -> AsyncIterator[str]:
    """The plant's API by HTTP, for processes of their own."""
    port = free_port()
    config = uvicorn.Config(
        plant.app, host="127.0.0.1", port=port, lifespan="off", log_level="warning"
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # signals are pytest's
    serving_task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await serving_task


def kingdee_channel(url: str, **poll: Any) -> dict[str, Any]:
    """A channel that asks the tests' Kingdee."""
    asked = {
        "account": "acct",
        "server": f"{url}/k3cloud",
        "user": "gemba",
        "app_id": "app",
        "since": "2026-11-20T00:00:00",
    }
    return {"format": "kingdee", "site": SITE, "secret": SECRET, "poll": asked | poll}


async def put(admin: httpx.AsyncClient, name: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await admin.put(f"/v1/channels/{name}", json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def state(admin: httpx.AsyncClient, name: str) -> dict[str, Any]:
    """How the asking of the channel stands."""
    found: dict[str, Any] = (await admin.get(f"/v1/channels/{name}")).json()["poll"]
    return found


async def orders(admin: httpx.AsyncClient) -> list[str]:
    answer = await admin.get("/v1/orders")
    return sorted(order["number"] for order in answer.json()["items"])


@asynccontextmanager
async def polling(
    plant: Plant, database_url: str, api_url: str, *, processes: int = 1
) -> AsyncIterator[list[ChannelPoller]]:
    """Pollers, as that many processes of the service have them."""
    pollers, tasks, leases = [], [], []
    for _ in range(processes):
        held = Leases(database_url, "notify")
        poller = ChannelPoller(
            pool=plant.context.pool,
            leases=held,
            clock=SystemClock(),
            installation_key=plant.context.signing_key,
            api_url=api_url,
            look_s=0.05,
            sleep=at_once,
        )
        leases.append(held)
        pollers.append(poller)
        tasks.append(asyncio.create_task(poller.keep_polling()))
    try:
        yield pollers
    finally:
        await end(tasks)
        for held in leases:
            await held.close()


class TestAsked:
    async def test_orders_come_in_by_themselves_and_so_do_their_changes(
        self, plant: Plant, admin: httpx.AsyncClient, database_url: str, api_url: str
    ) -> None:
        system = Kingdee()
        bill = system.put(7, "2026-11-21T10:00:00")
        async with serving(system.app) as url, polling(plant, database_url, api_url) as pollers:
            shown = await put(admin, "erp", kingdee_channel(url, interval_s=5))
            assert shown["poll"]["last_success_at"] is None
            assert shown["has_secret"] is True
            assert SECRET not in str(shown)
            await until(lambda: _done(admin, "erp"))
            told = await state(admin, "erp")
            assert told["last_round"]["outcomes"] == {"created": 1}
            assert (told["failures"], told["last_error"]) == (0, None)
            pause = datetime.fromisoformat(told["next_at"]) - datetime.fromisoformat(
                told["last_at"]
            )
            assert pause.total_seconds() == 5
            bill["SaleOrderEntry"][0]["Qty"] = 44
            system.put(7, "2026-11-21T11:00:00")
            answer = await admin.post("/v1/channels/erp/poll")
            assert answer.status_code == 202
            before = told["last_at"]
            await until(lambda: _ended_after(admin, "erp", before))
            assert (await state(admin, "erp"))["last_round"]["outcomes"] == {"changed": 1}
            (number,) = await orders(admin)
            order = (await admin.get(f"/v1/orders/{number}")).json()
            assert order["lines"][0]["quantity"] == 44
            metrics = pollers[0].metrics

            async def counted() -> bool:
                names = ('poll_rounds{channel="erp"}', 'poll_orders{channel="erp"}')
                return [metrics[name] for name in names] == [2, 2]

            await until(counted)
            # One session serves all rounds.
            assert len(system.sign_ins) == 1

    async def test_yonyou_is_asked_by_pages_as_large_as_the_channel_says(
        self, plant: Plant, admin: httpx.AsyncClient, database_url: str, api_url: str
    ) -> None:
        system = Yonyou()
        system.now_ms = int(datetime.now(UTC).timestamp() * 1000)
        for identity in range(1, 6):
            system.put(identity, f"2026-11-21 10:00:0{identity}")
        async with serving(system.app) as url, polling(plant, database_url, api_url):
            poll = {
                "account": "tenant/7", "server": url, "app_id": "app", "page_size": 2,
                "since": "2026-11-20T00:00:00",
            }  # fmt: skip
            channel = {"format": "yonyou", "site": SITE, "secret": SECRET, "poll": poll}
            await put(admin, "bip", channel)
            await until(lambda: _done(admin, "bip"))
        assert (await state(admin, "bip"))["last_round"]["outcomes"] == {"created": 5}
        # Addresses, sign-in, three pages of the list, and each order.
        assert system.calls == 3 + 5

    async def test_two_processes_do_not_ask_the_same_channel_at_once(
        self, plant: Plant, admin: httpx.AsyncClient, database_url: str, api_url: str
    ) -> None:
        system = Kingdee()
        for identity in range(1, 4):
            system.put(identity, "2026-11-21T10:00:00")
        async with (
            serving(system.app) as url,
            polling(plant, database_url, api_url, processes=3) as pollers,
        ):
            await put(admin, "erp", kingdee_channel(url))
            await until(lambda: _done(admin, "erp"))
            await asyncio.sleep(0.5)  # the others look ten times
        assert len(system.queries) == 1
        assert sum(one.metrics['poll_rounds{channel="erp"}'] for one in pollers) == 1
        assert (await state(admin, "erp"))["last_round"]["outcomes"] == {"created": 3}


class TestFailing:
    async def test_a_system_that_refuses_is_told_and_asked_less_and_less(
        self, plant: Plant, admin: httpx.AsyncClient, database_url: str, api_url: str
    ) -> None:
        system = Kingdee()
        system.secret = "another"
        system.put(1, "2026-11-21T10:00:00")
        pauses = []
        async with serving(system.app) as url, polling(plant, database_url, api_url) as pollers:
            await put(admin, "erp", kingdee_channel(url, interval_s=60))
            for failures in (1, 2, 3):
                await until(lambda n=failures: _failed(admin, "erp", n))  # type: ignore[misc]  # the default binds the loop's value
                told = await state(admin, "erp")
                assert "应用密钥不正确" in told["last_error"]
                assert told["last_success_at"] is None
                pauses.append(
                    (
                        datetime.fromisoformat(told["next_at"])
                        - datetime.fromisoformat(told["last_at"])
                    ).total_seconds()
                )
                wanted = HealthState.DEGRADED if failures == 3 else HealthState.OK
                await until(lambda state=wanted: _is(pollers[0], state))  # type: ignore[misc]  # the default binds the loop's value
                assert (await admin.post("/v1/channels/erp/poll")).status_code == 202
            # Refused: five minutes at first, doubled each time, each cut by a quarter at most.
            for pause, whole in zip(pauses, (300, 600, 1200), strict=True):
                assert 0.75 * whole <= pause <= whole
            system.secret = SECRET
            await admin.post("/v1/channels/erp/poll")
            await until(lambda: _done(admin, "erp"))
            assert (await state(admin, "erp"))["failures"] == 0
            await until(lambda: _is(pollers[0], HealthState.OK))
            assert pollers[0].health == (HealthState.OK, None)
            assert pollers[0].metrics['poll_failures{channel="erp"}'] >= 3

    async def test_what_the_api_did_not_take_is_handed_over_again(
        self, plant: Plant, admin: httpx.AsyncClient, database_url: str, api_url: str
    ) -> None:
        system = Kingdee()
        system.put(1, "2026-11-21T10:00:00")
        nowhere = f"http://127.0.0.1:{free_port()}"
        async with serving(system.app) as url:
            async with polling(plant, database_url, nowhere):
                await put(admin, "erp", kingdee_channel(url))
                await until(lambda: _failed(admin, "erp", 1))
            assert "the API does not answer" in (await state(admin, "erp"))["last_error"]
            await admin.post("/v1/channels/erp/poll")
            async with polling(plant, database_url, api_url):
                await until(lambda: _done(admin, "erp"))
        assert len(await orders(admin)) == 1

    async def test_a_disabled_channel_is_left_alone(
        self, plant: Plant, admin: httpx.AsyncClient, database_url: str, api_url: str
    ) -> None:
        system = Kingdee()
        async with serving(system.app) as url, polling(plant, database_url, api_url):
            await put(admin, "erp", kingdee_channel(url) | {"enabled": False})
            refused = await admin.post("/v1/channels/erp/poll")
            assert refused.status_code == 409
            assert "'erp' is disabled" in refused.json()["detail"]
            await asyncio.sleep(0.3)
        assert system.sign_ins == []


class TestDescribing:
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"format": "csv"}, "format"),
            ({"poll": {"account": "a", "server": "http://erp"}}, "poll.user"),
            ({"poll": {"account": "a", "user": "u"}}, "poll.server"),
            ({"format": "yonyou", "poll": {"account": "a"}}, "poll.app_id"),
            ({"secret": None}, "secret"),
            ({"poll": {"account": "a", "server": "http://me:pw@erp", "user": "u"}}, "poll.server"),
            ({"poll": {"account": "a", "server": "ftp://erp/x", "user": "u"}}, "poll.server"),
        ],
    )
    async def test_what_is_missing_or_wrong_is_told_by_field(
        self, admin: httpx.AsyncClient, change: dict[str, Any], field: str
    ) -> None:
        answer = await admin.put(
            "/v1/channels/erp", json=kingdee_channel("http://erp.example") | change
        )
        assert answer.status_code == 422, answer.text
        assert [one["field"] for one in answer.json()["errors"]] == [field]

    async def test_another_account_begins_anew_and_another_interval_does_not(
        self, plant: Plant, admin: httpx.AsyncClient, database_url: str, api_url: str
    ) -> None:
        system = Kingdee()
        system.put(1, "2026-11-21T10:00:00")

        async def position() -> Any:
            ((found,),) = await plant.rows("SELECT position FROM channel_polls")
            return found

        async with serving(system.app) as url:
            async with polling(plant, database_url, api_url):
                await put(admin, "erp", kingdee_channel(url))
                await until(lambda: _done(admin, "erp"))
            read = await position()
            assert read["since"] == "2026-11-21T09:54:59" or read["since"].startswith("2026-11-21")
            await put(admin, "erp", kingdee_channel(url, interval_s=600))
            assert await position() == read
            await put(admin, "erp", kingdee_channel(url, account="other"))
            assert await position() is None
            without = kingdee_channel(url)
            del without["poll"], without["secret"]
            assert (await put(admin, "erp", without))["poll"] is None
            assert await plant.rows("SELECT * FROM channel_polls") == []
            refused = await admin.post("/v1/channels/erp/poll")
            assert refused.status_code == 409

    @pytest.mark.parametrize("sample", ["kingdee", "yonyou"])
    async def test_the_samples_of_the_howto_are_taken(
        self, admin: httpx.AsyncClient, sample: str
    ) -> None:
        text = (HOWTO / "samples" / f"{sample}-channel.json").read_text(encoding="utf-8")
        for language in ("", ".zh-CN"):
            howto = (HOWTO / f"connect-kingdee-and-yonyou{language}.md").read_text(encoding="utf-8")
            assert f"samples/{sample}-channel.json" in howto
            assert sample == "yonyou" or text in howto
        answer = await admin.put(
            "/v1/channels/erp", content=text, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 200, answer.text
        wanted = json.loads(text)
        assert wanted["poll"].items() <= answer.json()["poll"].items()

    async def test_asking_is_audited_and_told_in_the_list(
        self, plant: Plant, admin: httpx.AsyncClient
    ) -> None:
        await put(admin, "erp", kingdee_channel("http://127.0.0.1:9"))
        await admin.post("/v1/channels/erp/poll")
        rows = await plant.rows(
            "SELECT action, object_key, after FROM audit_log WHERE object_kind = 'channel'"
            " ORDER BY id"
        )
        assert [(action, key) for action, key, _ in rows] == [
            ("ChannelChanged", "erp"),
            ("ChannelPollAsked", "erp"),
        ]
        assert rows[0][2]["poll"]["account"] == "acct"
        assert SECRET not in str(rows)
        (shown,) = (await admin.get("/v1/channels")).json()["items"]
        assert shown["poll"]["interval_s"] == 60
        assert shown["poll"]["next_at"]

    async def test_the_command_leaves_such_a_channel_to_the_service(
        self, admin: httpx.AsyncClient
    ) -> None:
        await put(admin, "erp", kingdee_channel("http://127.0.0.1:9"))
        with pytest.raises(PollFailedError, match="POST /v1/channels/erp/poll"):
            await channel_of(admin, "erp", "acct")


@dataclass
class Between:
    """Stands between the service and the API: passes on, and keeps an answer back if asked to."""

    target: str
    keep_back: bool = True
    kept_back: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_on(self, request: web.Request) -> web.Response:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() in {"authorization", "content-type"}
        }
        async with httpx.AsyncClient(timeout=60) as http:
            answer = await http.request(
                request.method,
                f"{self.target}{request.rel_url}",
                content=await request.read(),
                headers=headers,
            )
        if self.keep_back:
            self.kept_back.set()
            await self.let_go.wait()
        return web.Response(
            status=answer.status_code, body=answer.content, content_type="application/json"
        )


@asynccontextmanager
async def notify_process(
    plant: Plant, database_url: str, redis_url: str, api_url: str, data_dir: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service as a process; killed (-9) at the end."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "GEMBA_DATA_DIR": str(data_dir),
        "GEMBA_DATABASE_URL": database_url,
        "GEMBA_REDIS_URL": redis_url,
        "GEMBA_INSTALLATION_KEY": plant.context.signing_key,
        "GEMBA_HTTP_HOST": "127.0.0.1",
        "GEMBA_HTTP_PORT": api_url.rsplit(":", 1)[1],
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "launch", "run", "notify", env=environment,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class TestKilled:
    @pytest.mark.parametrize("moment", ["orders are being read", "they are taken in"])
    async def test_nothing_is_lost_and_nothing_is_doubled(  # noqa: PLR0917 - fixtures
        self,
        plant: Plant,
        admin: httpx.AsyncClient,
        database_url: str,
        redis_url: str,
        api_url: str,
        data_dir: Path,
        moment: str,
    ) -> None:
        system = Kingdee()
        for identity in range(1, 6):
            system.put(identity, "2026-11-21T10:00:00")
        between = Between(api_url, keep_back=moment == "they are taken in")
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", between.pass_on)
        async with serving(system.app) as url, serving(app) as door:
            await put(admin, "erp", kingdee_channel(url))
            if not between.keep_back:
                # The list is answered, and the first order is not.
                system.failures = [web.json_response([[1, "XS-1", "2026-11-21T10:00:00"]]), 15.0]
            async with notify_process(plant, database_url, redis_url, door, data_dir) as process:
                if between.keep_back:
                    async with asyncio.timeout(PATIENCE_S):
                        await between.kept_back.wait()
                else:
                    await until(lambda: _hangs(system))
                process.kill()
                await process.wait()
            taken_in = len(await orders(admin))
            assert taken_in == (5 if between.keep_back else 0)
            assert (await state(admin, "erp"))["last_at"] is None
            between.keep_back = False
            between.let_go.set()
            async with notify_process(plant, database_url, redis_url, door, data_dir):
                await until(lambda: _done(admin, "erp"))
        told = await state(admin, "erp")
        outcome = "repeated" if taken_in else "created"
        assert told["last_round"]["outcomes"] == {outcome: 5}
        assert len(await orders(admin)) == 5
        created = await plant.rows("SELECT count(*) FROM audit_log WHERE action = 'OrderReceived'")
        assert created == [(5,)]


async def _is(poller: ChannelPoller, wanted: HealthState) -> bool:
    """What a poller says of itself follows its rows."""
    return poller.health[0] is wanted


async def _hangs(system: Kingdee) -> bool:
    return system.failures == []


async def _done(admin: httpx.AsyncClient, name: str) -> bool:
    return (await state(admin, name))["last_success_at"] is not None


async def _ended_after(admin: httpx.AsyncClient, name: str, before: str) -> bool:
    return bool((await state(admin, name))["last_at"] > before)


async def _failed(admin: httpx.AsyncClient, name: str, failures: int) -> bool:
    return bool((await state(admin, name))["failures"] >= failures)
