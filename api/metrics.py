"""What is counted of requests, and how `/metrics` tells it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.reports.answering import AnswerCounts
from runtime.health import Health, HealthState

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")
_LABELLED = re.compile(r'(\w+)\{([a-z_]+)="([^"{}\\]*)"\}')
_UP = {HealthState.OK: 1.0, HealthState.DEGRADED: 0.5, HealthState.FAILED: 0.0}


class RequestMetrics:
    """The duration of requests by route. Routes, not paths: a path may hold a secret."""

    def __init__(self) -> None:
        self.answers = AnswerCounts()
        """Of questions about orders, for the service level."""
        self._registry = CollectorRegistry()
        self._duration = Histogram(
            "gemba_api_request_seconds",
            "Duration of requests",
            ("method", "route", "status"),
            registry=self._registry,
            buckets=_BUCKETS,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._duration.labels(method, route, str(status)).observe(seconds)
        self.answers.count(method, route, status, seconds)

    def text(self, services: Sequence[Health]) -> bytes:
        """The exposition: the API's own figures and what the other services say of themselves."""
        reported = CollectorRegistry()
        reported.register(_Reported(services))
        return generate_latest(self._registry) + generate_latest(reported)


class _Reported(Collector):
    """The services' health and figures, each as `gemba_<service>_<name>`."""

    def __init__(self, services: Sequence[Health]) -> None:
        self._services = services

    def collect(self) -> Iterable[Metric]:
        up = Metric(
            "gemba_service_up", "1: works, 0.5: works with something wrong, 0: failed", "gauge"
        )
        for health in self._services:
            up.add_sample(
                up.name, {"service": health.service} | _process(health), _UP[health.state]
            )
        yield up
        families: dict[str, Metric] = {}
        told: set[tuple[str, frozenset[tuple[str, str]]]] = set()
        for health in self._services:
            for told_name, value in health.metrics.items():
                name, labels = _name_and_labels(told_name)
                labels |= _process(health)
                metric = _NOT_IN_NAMES.sub("_", f"gemba_{health.service}_{name}")
                if metric not in families:
                    text = f"{name} as {health.service} tells it"
                    families[metric] = Metric(metric, text, "gauge")
                sample = (metric, frozenset(labels.items()))
                if sample not in told:  # two names may look alike once made into metrics
                    told.add(sample)
                    families[metric].add_sample(metric, labels, value)
        yield from families.values()


def _process(health: Health) -> dict[str, str]:
    """The label of one of several processes."""
    return {"instance": health.instance} if health.instance else {}


def _name_and_labels(told: str) -> tuple[str, dict[str, str]]:
    """`lag{topic="a"}` as `lag` and its label."""
    labelled = _LABELLED.fullmatch(told)
    if labelled is None:
        return told, {}
    name, label, value = labelled.groups()
    return name, {label: value}


class MeasureRequests:
    """ASGI middleware that times every request by its route."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and note how long it took."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            seconds = time.perf_counter() - started
            self._metrics.observe(_known(scope["method"]), route, status, seconds)


def _known(method: str) -> str:
    """The method, unless somebody made one up: labels must stay few."""
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} else "other"
