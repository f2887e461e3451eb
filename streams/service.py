"""The stream worker: a Faust app with the agents for telemetry, progress and live status."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import uuid
from collections.abc import Callable, Collection
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.streams import (
    ALARMS,
    DEAD_LETTERS,
    DISRUPTIONS,
    FLOOR,
    GOODS,
    OPERATIONS,
    ORDERS,
    PARTITIONS,
    PLANS,
    PROGRESS,
    TELEMETRY,
    WAREHOUSE,
)
from runtime import health, loop, tasks
from runtime.clock import Clock, SystemClock
from runtime.settings import StreamsSettings
from store.database import Pool, build_pool
from store.history.keep import History
from store.inventory.expiring import keep_expired
from store.live_channels import connect_redis
from store.log import StreamLog, build_log
from store.log.retention import Retention, Trimmed, keep_trimmed
from store.reports.keeping import ReportKeeping
from streams.app import App, build_app, run_worker
from streams.consumption import consume
from streams.groups import EFFECTS
from streams.live import LiveProjector
from streams.planning import PlanningAgent
from streams.presence import Presence
from streams.progress import RollUpAgent
from streams.telemetry import TelemetryAgent
from streams.warehouse import WarehouseAgent
from streams.watchdog import Watchdog

_log = logging.getLogger(__name__)

SERVICE: Final = "streams"
POOL_CONNECTIONS: Final = 8
TELEMETRY_TOPICS: Final = 3


class StreamsService:
    """The worker's parts, wired. `run` connects them."""

    def __init__(self, settings: StreamsSettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.app: App = build_app(settings, effects=EFFECTS)
        self._worker = f"{SERVICE}-{uuid.uuid4().hex[:8]}"
        """Its name at the database: several workers may run."""

    async def run(self) -> int:
        """Work until SIGTERM or SIGINT; answers the process's exit code."""
        settings = self._settings
        url = settings.database_url.get_secret_value()
        pool = build_pool(url, name=self._worker, max_size=POOL_CONNECTIONS, check=False)
        redis = connect_redis(settings.redis_url.get_secret_value())
        await pool.open(wait=False)
        log = build_log(settings.stream_url, pool)
        try:
            await log.open()
            return await self._work(pool, log, redis)
        finally:
            await log.close()
            await redis.aclose()
            await pool.close()

    async def _work(self, pool: Pool, log: StreamLog, redis: Redis) -> int:
        telemetry = TelemetryAgent(pool=pool, log=log, settings=self._settings)
        projector = LiveProjector(
            pool=pool, redis=redis, clock=self._clock, assigned=self.app.assigned_partitions
        )
        roll_up = RollUpAgent(
            pool=pool, log=log, clock=self._clock, on_changed=projector.order_changed
        )
        warehouse = WarehouseAgent(
            pool=pool, log=log, clock=self._clock, on_changed=projector.order_changed
        )
        self._declare_agents(telemetry, roll_up, projector)
        self._declare_warehouse(warehouse)
        presence = Presence(
            url=self._settings.database_url.get_secret_value(),
            worker=self._worker,
            clock=self._clock,
            at_work=lambda: bool(self.app.assigned_partitions()),
        )
        planning = PlanningAgent(
            pool=pool,
            log=log,
            clock=self._clock,
            presence=presence,
            assigned=self.app.assigned_partitions,
            on_order_changed=projector.order_changed,
            on_plan_changed=projector.plan_changed,
        )
        self._declare_planning(planning)

        def excused() -> Collection[tuple[str, int]]:
            parts = (telemetry, roll_up, warehouse, planning)
            return [at for part in parts for at in list(part.stopped)]

        def mine(topic: str, partition: int) -> bool:
            return (topic, partition) in self.app.assigned_partitions()

        watchdog = Watchdog(
            database_url=self._settings.database_url.get_secret_value(),
            stream_url=self._settings.stream_url,
            group=self.app.conf.id,
            assigned=self.app.assigned_partitions,
            clock=self._clock,
            excused=excused,
        )
        history = History(pool, clock=self._clock)
        reports = ReportKeeping(pool)
        report = Report(
            self._clock,
            redis,
            telemetry=telemetry,
            roll_up=roll_up,
            warehouse=warehouse,
            planning=planning,
            projector=projector,
            watchdog=watchdog,
            history=history,
            reports=reports,
            waiting_for=lambda: self.app.waiting_for,
            mine=mine,
            instance=health.instance_of(self._settings.stream_url),
        )
        helpers = [
            asyncio.create_task(projector.run(), name="live"),
            asyncio.create_task(presence.run(), name="presence"),
            asyncio.create_task(planning.run(), name="planning"),
            asyncio.create_task(history.run(), name="history"),
            asyncio.create_task(reports.run(), name="reports"),
            asyncio.create_task(report.run(), name="health"),
            asyncio.create_task(keep_expired(pool, self._clock), name="expiry"),
            asyncio.create_task(
                keep_trimmed(pool, Retention(), on_round=report.trimmed), name="retention"
            ),
        ]
        watchdog.start()
        try:
            return await run_worker(self.app, self._settings)
        finally:
            watchdog.stop()
            await tasks.end(helpers)

    def _declare_agents(
        self, telemetry: TelemetryAgent, roll_up: RollUpAgent, projector: LiveProjector
    ) -> None:
        """An agent per concern; a topic read by two of them is acknowledged when both are done."""
        app, settings = self.app, self._settings

        def topic(*names: str) -> Any:
            return app.topic(*names, key_type=bytes, value_type=bytes, internal=False)

        @app.agent(topic(TELEMETRY, OPERATIONS, WAREHOUSE), name="telemetry")  # type: ignore[untyped-decorator] # Faust is untyped here
        async def telemetry_agent(stream: Any) -> None:
            await consume(
                stream,
                telemetry.handle,
                on_assigned=telemetry.on_assigned,
                linger_s=settings.commit_linger_ms / 1_000,
                max_records=settings.batch_records,
                concurrency=TELEMETRY_TOPICS * PARTITIONS,  # they wait in groups of their own
            )

        @app.agent(topic(PROGRESS, ORDERS), name="progress")  # type: ignore[untyped-decorator] # as above
        async def progress_agent(stream: Any) -> None:
            await consume(
                stream,
                roll_up.handle,
                on_assigned=roll_up.on_assigned,
                linger_s=settings.roll_up_linger_ms / 1_000,
            )

        live_topics = topic(FLOOR, PROGRESS, ORDERS, DISRUPTIONS, PLANS, DEAD_LETTERS, ALARMS)

        @app.agent(live_topics, name="live")  # type: ignore[untyped-decorator] # as above
        async def live_agent(stream: Any) -> None:
            await consume(stream, projector.handle, linger_s=0.0)

    def _declare_warehouse(self, warehouse: WarehouseAgent) -> None:
        app, settings = self.app, self._settings
        topics = app.topic(GOODS, ORDERS, key_type=bytes, value_type=bytes, internal=False)

        @app.agent(topics, name="warehouse")  # type: ignore[untyped-decorator] # Faust is untyped here
        async def warehouse_agent(stream: Any) -> None:
            await consume(
                stream,
                warehouse.handle,
                on_assigned=warehouse.on_assigned,
                linger_s=settings.roll_up_linger_ms / 1_000,
            )

    def _declare_planning(self, planning: PlanningAgent) -> None:
        topics = self.app.topic(
            ORDERS, FLOOR, PROGRESS, PLANS, key_type=bytes, value_type=bytes, internal=False
        )

        @self.app.agent(topics, name="planning")  # type: ignore[untyped-decorator] # Faust is untyped here
        async def planning_agent(stream: Any) -> None:
            await consume(stream, planning.handle, on_assigned=planning.on_assigned, linger_s=0.0)


class Report:
    """What the worker says of itself, in Redis."""

    def __init__(
        self,
        clock: Clock,
        redis: Redis,
        *,
        telemetry: TelemetryAgent,
        roll_up: RollUpAgent,
        warehouse: WarehouseAgent,
        planning: PlanningAgent,
        projector: LiveProjector,
        watchdog: Watchdog,
        history: History,
        reports: ReportKeeping,
        waiting_for: Callable[[], str | None] = lambda: None,
        mine: Callable[[str, int], bool] = lambda _topic, _partition: True,
        instance: str = "",
    ) -> None:
        self._instance = instance
        self._waiting_for = waiting_for
        self._mine = mine
        self._clock = clock
        self._redis = redis
        self._telemetry = telemetry
        self._roll_up = roll_up
        self._warehouse = warehouse
        self._planning = planning
        self._projector = projector
        self._watchdog = watchdog
        self._history = history
        self._reports = reports
        self._blocked: str | None = None

    def trimmed(self, round_: Trimmed) -> None:
        """Hear of a round of retention, and who held records back."""
        self._blocked = None
        if round_.blocked:
            worst = max(round_.blocked, key=lambda one: one.records)
            self._blocked = (
                f"the log cannot be trimmed: group {worst.consumer_group} is {worst.records}"
                f" records behind in {worst.topic}[{worst.partition}]"
            )

    async def run(self) -> None:
        """Report until cancelled. Redis away: nobody hears it, no harm."""
        while True:
            try:
                await health.report(self._redis, self.word())
            except (RedisError, OSError) as error:
                _log.debug("health is not reported: %s", error)
            await asyncio.sleep(health.INTERVAL_S)

    def word(self) -> health.Health:
        """How the worker is now."""
        state, reason = self._projector.health
        for trouble in (
            self._history.trouble,
            self._reports.trouble,
            self._planning.trouble,
            self._blocked,
            self._telemetry.trouble,
            self._waiting_for(),
        ):
            if trouble is not None:
                state, reason = health.HealthState.DEGRADED, trouble
        # A partition that has gone to another worker meanwhile stands still there, and not here.
        parts = (self._telemetry, self._roll_up, self._warehouse, self._planning)
        stopped = {
            why: None for part in parts for at, why in list(part.stopped.items()) if self._mine(*at)
        }
        if stopped:
            state, reason = health.HealthState.FAILED, "; ".join(stopped)
        if self._watchdog.stalled is not None:
            state, reason = health.HealthState.FAILED, self._watchdog.stalled
        metrics = dict(self._telemetry.metrics)
        for part, values in (
            ("progress", self._roll_up.metrics),
            ("warehouse", self._warehouse.metrics),
            ("planning", self._planning.metrics),
            ("live", self._projector.metrics),
            ("history", self._history.metrics),
            ("reports", self._reports.metrics),
        ):
            metrics |= {f"{part}_{name}": value for name, value in values.items()}
        metrics |= self._watchdog.metrics
        return health.Health(
            service=SERVICE,
            instance=self._instance,
            state=state,
            reason=reason,
            at_ms=self._clock.now_ms(),
            pid=os.getpid(),
            metrics=metrics,
        )


def build(settings: StreamsSettings) -> StreamsService:
    """The worker these settings mean; nothing is connected yet."""
    return StreamsService(settings, clock=SystemClock())


def run(settings: StreamsSettings) -> None:
    """Run the worker until SIGTERM or SIGINT.

    Raises:
        SystemExit: the engine crashed; the supervisor starts the worker anew.
    """
    service = build(settings)
    # Machines' windows are some hundred thousand objects without cycles: looking through them for
    # garbage at the usual pace took a fifth of the worker's time at 50,000 samples a second.
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)
    code = loop.run(service.run())
    if code:
        raise SystemExit(code)
