"""The API as a service: `build` puts its parts together, `run` serves until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from typing import Any

import uvicorn
from fastapi import FastAPI

from api import errors
from api.alarms import definitions as alarm_definitions
from api.alarms import endpoints as alarms
from api.alarms import gateways
from api.audit import endpoints as audit
from api.auth import endpoints as auth
from api.auth.oidc import endpoints as oidc
from api.auth.oidc.provider import OpenIdProvider
from api.auth.rate_limit import RateLimit
from api.calendars import endpoints as calendars
from api.channels import endpoints as channels
from api.contacts import endpoints as contacts
from api.contacts import notices
from api.context import Context, Limits
from api.customers import endpoints as customers
from api.dead_letters import endpoints as dead_letters
from api.description import endpoints as description
from api.disruptions import endpoints as disruptions
from api.events import endpoints as events
from api.goods_moves import endpoints as goods_moves
from api.health import endpoints as health
from api.health.service import keep_reporting, prepare_topics
from api.history import endpoints as history
from api.http import LimitBodies, ProtectAnswers
from api.ingest import endpoints as ingest
from api.intake import endpoints as intake
from api.items import endpoints as items
from api.keys import endpoints as keys
from api.live import endpoint as live
from api.live.hub import LiveHub
from api.locks import endpoints as locks
from api.machines import endpoints as machines
from api.maintenance import endpoints as maintenance
from api.master_data import endpoints as master_data
from api.metrics import MeasureRequests, RequestMetrics
from api.notification import letters as notifications
from api.notification import templates as notification_templates
from api.notification import ways as notification_ways
from api.operations import endpoints as operations
from api.orders import batch as order_batches
from api.orders import endpoints as orders
from api.orders import listing as order_lists
from api.orders import status as order_status
from api.outbound import channel_settings
from api.outbound import endpoints as outbound
from api.own import endpoints as own
from api.pegging import endpoints as pegging
from api.pegging import losses
from api.planning import endpoints as planning
from api.plans import endpoints as plans
from api.promises import endpoints as promises
from api.purchases import endpoints as purchases
from api.push import endpoints as push
from api.replenishment import endpoints as replenishment
from api.report_schedules import endpoints as report_schedules
from api.reports import endpoints as reports
from api.reports import files as report_files
from api.reports import machine_endpoints as machine_reports
from api.reports.answering import keep_written
from api.reservations import endpoints as reservations
from api.resources import endpoints as resources
from api.review import endpoints as review
from api.shifts import endpoints as shifts
from api.shipping import endpoints as shipping
from api.sites import endpoints as sites
from api.stock import counts
from api.stock import endpoints as stock
from api.tracking import endpoints as tracking
from api.ui import endpoints as ui
from api.users import endpoints as users
from api.webhooks import endpoints as webhooks
from api.what_if import endpoints as what_if
from api.work_orders import endpoints as work_orders
from runtime import tasks
from runtime.clock import Clock, SystemClock
from runtime.logging import configure_logging
from runtime.secrets import installation_key
from runtime.settings import ApiSettings
from store.database import build_pool
from store.live_channels import connect_redis
from store.log import build_log
from store.questions import Questions

logger = logging.getLogger("gemba.api")

_MAX_BODY_BYTES = 4 * 1024 * 1024
_MAX_CONNECTIONS = 16
_POOL_TIMEOUT_S = 2.5
_RECONNECT_S = 2.0
_END_S = 5.0
_SETTLED_S = 20.0
_ROUTERS = (
    order_status.router,  # what is asked most often is looked for first
    intake.router,  # then what comes in most often
    own.router,
    oidc.router,
    auth.router,
    users.router,
    keys.router,
    audit.router,
    sites.router,
    calendars.router,
    shifts.router,
    history.router,  # before the machines' own, whose paths take everything
    maintenance.router,  # and this one
    machines.router,
    contacts.router,  # before the customers' own, whose codes take everything
    notices.router,
    customers.router,
    items.router,
    master_data.router,
    order_batches.router,
    review.router,
    review.orders_router,  # these and the lists before the orders' own, which takes any address
    order_lists.router,
    losses.router,
    pegging.router,  # before the orders' own, whose numbers take everything
    shipping.router,
    webhooks.router,
    events.router,
    outbound.router,
    orders.router,
    orders.links_router,
    work_orders.router,
    locks.router,
    operations.router,
    resources.router,
    what_if.router,  # before scopes and plans, whose names and ids take everything
    planning.router,
    plans.router,
    disruptions.router,
    goods_moves.router,
    counts.router,
    stock.router,
    reservations.router,
    reservations.availability_router,
    promises.router,
    purchases.router,
    replenishment.router,
    replenishment.shortages_router,
    reports.router,
    machine_reports.router,
    report_files.router,
    report_schedules.router,
    alarms.router,
    alarm_definitions.router,
    notification_ways.router,
    notification_templates.router,
    notifications.router,
    notifications.addresses_router,
    gateways.router,
    push.router,
    push.tracking_router,
    dead_letters.router,
    ingest.router,
    channels.router,
    channel_settings.router,
    tracking.router,
    health.router,
    description.router,
    live.router,
)


class MissingAddressError(ValueError):
    """A backend's address is not set."""

    def __init__(self, variable: str) -> None:
        super().__init__(f"{variable} is not set; `gemba up` sets it for the embedded backends")
        self.variable = variable


def build(settings: ApiSettings, *, clock: Clock | None = None) -> FastAPI:
    """The app, with everything it needs; nothing connects before it is served.

    Raises:
        MissingAddressError: the address of the database or of Redis is not set.
        OidcSettingsError: the settings of the OpenID provider do not go together.
    """
    context = _context(settings, clock or SystemClock())
    app = FastAPI(
        title="gemba",
        version="1",
        summary="Orders, the floor, and what becomes of a counted piece.",
        description=(
            "Errors are RFC 9457 problem details. Lists answer `{items, total}` and take `limit`"
            " and `offset`. People sign in with a session, programs with a bearer token."
        ),
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        responses={"default": {"model": errors.Problem, "description": "A problem (RFC 9457)."}},
    )
    app.state.context = context
    errors.install(app)
    app.add_middleware(LimitBodies, most_bytes=_MAX_BODY_BYTES)
    app.add_middleware(errors.ErrorBoundary)
    app.add_middleware(MeasureRequests, metrics=context.metrics)
    app.add_middleware(ProtectAnswers)
    app.state.live_hub = LiveHub(pool=context.pool, redis=context.redis, clock=context.clock)
    for router in _ROUTERS:
        app.include_router(router)
    ui.mount(app, settings.ui_dir)
    return app


def run(settings: ApiSettings) -> None:
    """Serve until SIGTERM or SIGINT, then let requests end and return."""
    configure_logging("api", settings.log_level)
    server = _Server(
        uvicorn.Config(
            build(settings),
            host=settings.http_host,
            port=settings.http_port,
            loop="uvloop",
            http="httptools",
            ws="websockets-sansio",
            ws_max_size=64 * 1024,
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            proxy_headers=False,
            server_header=False,
            access_log=False,
            # Deltas are small and many: compressing them costs more than their bytes.
            ws_per_message_deflate=False,
            log_config=None,
            timeout_graceful_shutdown=5,
        )
    )
    # The routes and their models are a quarter of a million objects that stay: looking through them
    # for garbage stopped every request for 130 ms, as often as enough had come and gone.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    server.run()


class _Server(uvicorn.Server):
    """uvicorn, but a signal that ended it is not raised again: the exit code is 0."""

    async def startup(self, *arguments: Any, **named: Any) -> None:
        """Serve; what the first requests have made by then stays as well."""
        await super().startup(*arguments, **named)
        asyncio.get_running_loop().call_later(_SETTLED_S, gc.freeze)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Let SIGTERM and SIGINT ask the server to end."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def _context(settings: ApiSettings, clock: Clock) -> Context:
    database_url = settings.database_url.get_secret_value()
    redis_url = settings.redis_url.get_secret_value()
    for variable, url in (("GEMBA_DATABASE_URL", database_url), ("GEMBA_REDIS_URL", redis_url)):
        if not url:
            raise MissingAddressError(variable)
    pool = build_pool(database_url, name="api", max_size=_MAX_CONNECTIONS)
    pool.timeout = _POOL_TIMEOUT_S
    pool.reconnect_timeout = _RECONNECT_S  # give up soon, so that the next request tries anew
    return Context(
        settings=settings,
        pool=pool,
        redis=connect_redis(redis_url),
        log=build_log(settings.stream_url, pool),
        # Of their own connections: a question that waits must not keep screens waiting.
        questions=Questions(connect_redis(redis_url)),
        signing_key=installation_key(
            settings.data_dir, settings.installation_key.get_secret_value()
        ),
        clock=clock,
        limits=Limits(
            sign_in_by_name=RateLimit(clock, tries=10, seconds=300.0),
            sign_in_by_address=RateLimit(clock, tries=50, seconds=300.0),
            tracking=RateLimit(clock, tries=600, seconds=60.0),
            tracking_failures=RateLimit(clock, tries=20, seconds=60.0),
            tracking_link=RateLimit(clock, tries=120, seconds=60.0),
            contacts_by_link=RateLimit(clock, tries=10, seconds=3_600.0),
            oidc=RateLimit(clock, tries=60, seconds=60.0),
            webhooks=RateLimit(clock, tries=1_200, seconds=60.0),
            webhook_failures=RateLimit(clock, tries=20, seconds=60.0),
        ),
        metrics=RequestMetrics(),
        oidc=OpenIdProvider.of(settings, clock),
    )


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context, hub = app.state.context, app.state.live_hub
    await context.pool.open(wait=False)
    await context.log.open()
    ending = asyncio.Event()
    reporting = asyncio.create_task(
        keep_reporting(context, lambda: _figures(hub), until=ending), name="health"
    )
    background = [
        reporting,
        asyncio.create_task(prepare_topics(context), name="topics"),
        asyncio.create_task(_keep(hub.run), name="live"),
        asyncio.create_task(
            keep_written(context.pool, context.metrics.answers, context.clock), name="answers"
        ),
    ]
    try:
        yield
    finally:
        ending.set()
        await asyncio.wait([reporting], timeout=_END_S)
        await tasks.end(background)
        await context.log.close()
        await context.pool.close()
        await context.questions.aclose()
        await context.redis.aclose()


async def _keep(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do background work until cancelled; what breaks it is logged, and it begins again."""
    while True:
        try:
            await work()
        except Exception:
            logger.exception("background work broke off; it begins again")
        await asyncio.sleep(1.0)


def _figures(hub: LiveHub) -> dict[str, float]:
    figures = {f"live_{name}": value for name, value in hub.metrics.items()}
    return {**figures, "live_sockets": float(hub.sockets), "live_listening": float(hub.listening)}
