"""Problem details, parts that are away, health, metrics, headers and pages."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import httpx
import msgspec
import psycopg
import pytest
from api_client import MACHINE, PASSWORD, SITE, Api
from pydantic import SecretStr

from api.service import MissingAddressError, build
from domain.access import Role
from launch.ports import free_port
from runtime.health import Health, HealthState, report
from runtime.settings import ApiSettings
from store import machines


class TestProblems:
    @pytest.mark.parametrize(
        ("content", "field"),
        [
            (b"{", "body"),
            (b"\xff", "body"),
            (b"[]", "body"),
            (b"null", "body"),
            (b'{"name": "\\ud800"}', "name"),
            (b'{"name": "a\\u0000"}', "name"),
            (b'{"name": NaN}', "name"),
            (b'{"name": 1e999}', "name"),
            (b'{"name": "' + b"x" * 201 + b'"}', "name"),
        ],
    )
    async def test_a_body_that_cannot_be_taken_is_explained(
        self, admin: httpx.AsyncClient, content: bytes, field: str
    ) -> None:
        answer = await admin.put(
            "/v1/customers/x", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 422), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == answer.status_code
        if answer.status_code == 422:
            assert [error["field"] for error in problem["errors"]] == [field]
            assert len(answer.text) < 1_000

    async def test_a_body_too_large_is_refused(self, admin: httpx.AsyncClient) -> None:
        answer = await admin.put("/v1/customers/x", content=b" " * (5 * 1024 * 1024))
        assert answer.status_code == 413
        assert answer.json()["status"] == 413

    async def test_unknown_addresses_and_methods(self, admin: httpx.AsyncClient) -> None:
        for method, path, status in (
            ("GET", "/v1/nothing", 404),
            ("GET", "/nothing", 404),
            ("GET", "/v1/sites/", 404),
            ("DELETE", "/v1/sites", 405),
            ("GET", "/assets/../service.py", 404),
            ("GET", "/assets/%2e%2e/%2e%2e/etc/passwd", 404),
        ):
            answer = await admin.request(method, path)
            assert answer.status_code == status, (path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["type"].startswith("urn:gemba:problem:")

    async def test_what_nobody_foresaw_is_logged_under_an_id_and_tells_nothing(
        self,
        admin: httpx.AsyncClient,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        async def broken(*_: object, **__: object) -> None:
            raise RuntimeError("the inside: s3cret")

        monkeypatch.setattr(machines, "sites", broken)
        with caplog.at_level(logging.ERROR, "gemba.api"):
            answer = await admin.get("/v1/sites")
        assert answer.status_code == 500
        assert "s3cret" not in answer.text
        assert "Traceback" not in answer.text
        assert answer.json()["id"] in caplog.text
        assert "s3cret" in caplog.text
        assert answer.headers["x-content-type-options"] == "nosniff"


class TestDatabaseAway:
    @pytest.fixture
    def settings(self, settings: ApiSettings) -> ApiSettings:
        url = f"postgresql://gemba@127.0.0.1:{free_port()}/none?connect_timeout=1"
        return settings.model_copy(update={"database_url": SecretStr(url)})

    async def test_the_api_starts_and_says_so(self, settings: ApiSettings) -> None:
        app = build(settings)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://gemba.test"
            ) as client,
        ):
            assert (await client.get("/healthz")).json() == {"status": "ok"}
            async with asyncio.timeout(60):
                answer = await client.post("/v1/session", json={"name": "a", "password": PASSWORD})
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "2"
            assert "postgres" not in answer.text
            ready = await client.get("/readyz")
            assert ready.status_code == 503
            states = {part["name"]: part["state"] for part in ready.json()["components"]}
            assert states["database"] == "failed"


class TestDatabaseBack:
    async def test_broken_connections_are_replaced(
        self, api: Api, admin: httpx.AsyncClient, database_url: str
    ) -> None:
        await asyncio.gather(*(admin.get("/v1/sites") for _ in range(8)))
        async with await psycopg.AsyncConnection.connect(
            database_url, autocommit=True
        ) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        answers = await asyncio.gather(*(admin.get("/v1/sites") for _ in range(8)))
        assert {answer.status_code for answer in answers} == {200}
        assert await api.rows("SELECT 1") == [(1,)]

    async def test_a_schema_that_is_behind_is_not_ready(
        self, api: Api, admin: httpx.AsyncClient
    ) -> None:
        await api.rows("DELETE FROM _yoyo_migration WHERE migration_id <> '0001-spine'")
        ready = (await admin.get("/readyz")).json()
        [database] = [part for part in ready["components"] if part["name"] == "database"]
        assert database["state"] == "failed"
        assert "0001-spine" in database["reason"]
        assert "gemba migrate" in database["reason"]


class TestHealth:
    async def test_ready_when_every_part_is(self, api: Api, admin: httpx.AsyncClient) -> None:
        for service in ("edge", "streams"):
            await report(
                api.context.redis,
                Health(service=service, state=HealthState.OK, at_ms=0, pid=1),
            )
        answer = await admin.get("/readyz")
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "ready"
        parts = {part["name"]: part for part in answer.json()["components"]}
        assert parts["scheduler"]["state"] == "degraded"
        assert "plan in force" in parts["scheduler"]["reason"]

    async def test_a_silent_service_is_missing_and_a_troubled_one_is_named(
        self, api: Api, admin: httpx.AsyncClient
    ) -> None:
        trouble = "outbox is full"
        health = Health(service="edge", state=HealthState.FAILED, reason=trouble, at_ms=0, pid=1)
        await report(api.context.redis, health)
        answer = await admin.get("/readyz")
        assert answer.status_code == 503
        parts = {part["name"]: part for part in answer.json()["components"]}
        assert (parts["edge"]["state"], parts["edge"]["reason"]) == ("failed", trouble)
        assert parts["streams"]["state"] == "missing"

    async def test_reasons_are_for_staff_only(self, api: Api) -> None:
        health = Health(
            service="edge", state=HealthState.DEGRADED, reason="secret place", at_ms=0, pid=1
        )
        await report(api.context.redis, health)
        assert "secret place" not in (await api.client().get("/readyz")).text
        gateway = await api.as_role(Role.GATEWAY)
        assert "secret place" not in (await gateway.get("/readyz")).text
        viewer = await api.as_role(Role.VIEWER)
        assert "secret place" in (await viewer.get("/readyz")).text

    async def test_the_api_says_how_it_is(self, api: Api) -> None:
        async def state() -> HealthState | None:
            value = await api.context.redis.get("gemba:health:api")
            return None if value is None else msgspec.json.decode(value, type=Health).state

        async with asyncio.timeout(60):
            while await state() is not HealthState.OK:  # noqa: ASYNC110 - another task's word
                await asyncio.sleep(0.05)


class TestMetrics:
    async def test_count_requests_by_route_and_tell_the_services_figures(
        self, api: Api, plant: httpx.AsyncClient
    ) -> None:
        await plant.get(f"/v1/machines/{MACHINE}")
        await api.client().get("/v1/tracking/a-secret-token")
        health = Health(
            service="edge",
            state=HealthState.DEGRADED,
            at_ms=0,
            pid=1,
            metrics={"outbox_bytes": 7.0, "strange name!": 1.0},
        )
        await report(api.context.redis, health)
        text = (await (await api.as_role(Role.GATEWAY)).get("/metrics")).text
        route = 'method="GET",route="/v1/machines/{path:path}",status="200"'
        assert f"gemba_api_request_seconds_count{{{route}}} 1.0" in text
        assert "gemba_edge_outbox_bytes 7.0" in text
        assert "gemba_edge_strange_name_ 1.0" in text
        assert 'gemba_service_up{service="edge"} 0.5' in text
        assert "a-secret-token" not in text
        assert SITE not in text


class TestPages:
    @pytest.fixture
    def settings(self, settings: ApiSettings) -> ApiSettings:
        ui: Path = settings.ui_dir
        (ui / "assets").mkdir(parents=True)
        (ui / "index.html").write_text("<!doctype html><title>staff</title>")
        (ui / "tracking.html").write_text("<!doctype html><title>customer</title>")
        (ui / "favicon.svg").write_text("<svg/>")
        (ui / "assets" / "index-3f2a.js").write_text("let a")
        (ui.parent / "outside.txt").write_text("outside")
        return settings

    async def test_are_served_with_headers_that_protect_them(self, api: Api) -> None:
        client = api.client()
        for path, title in (
            ("/", "staff"),
            ("/login", "staff"),
            ("/orders", "staff"),
            ("/orders/SO-1", "staff"),
            (f"/floor/{SITE}", "staff"),
            (f"/terminal/{MACHINE}", "staff"),
            ("/t/a-token", "customer"),
        ):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert title in answer.text
            policy = answer.headers["content-security-policy"]
            assert "script-src 'self';" in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-cache"
            assert "strict-transport-security" not in answer.headers

    async def test_hashed_files_are_kept_and_others_asked_for(self, api: Api) -> None:
        client = api.client()
        hashed = await client.get("/assets/index-3f2a.js")
        assert "immutable" in hashed.headers["cache-control"]
        assert hashed.headers["content-type"].startswith("text/javascript")
        assert (await client.get("/favicon.svg")).headers["cache-control"] == "no-cache"
        for path in ("/assets/none.js", "/outside.txt", "/assets/%2e%2e/%2e%2e/outside.txt"):
            assert (await client.get(path)).status_code == 404, path

    async def test_data_is_not_kept(self, admin: httpx.AsyncClient) -> None:
        answer = await admin.get("/v1/sites")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


class TestBuilding:
    @pytest.mark.parametrize("missing", ["database_url", "redis_url"])
    def test_an_address_that_is_not_set_is_named(self, settings: ApiSettings, missing: str) -> None:
        with pytest.raises(MissingAddressError, match=f"GEMBA_{missing.upper()}"):
            build(settings.model_copy(update={missing: SecretStr("")}))
