"""Several processes of a service: readiness is as bad as the worst, figures are told apart."""

from __future__ import annotations

import httpx
from api_client import Api

from domain.access import Role
from runtime.health import Health, HealthState, report


def word(instance: str, state: HealthState, reason: str | None, lag: float) -> Health:
    return Health(
        service="streams",
        instance=instance,
        state=state,
        reason=reason,
        at_ms=0,
        pid=1,
        metrics={'lag{topic="gemba.orders.v1"}': lag, "lag_records": lag},
    )


async def test_readiness_and_figures(api: Api, admin: httpx.AsyncClient) -> None:
    redis = api.context.redis
    await report(redis, Health(service="edge", state=HealthState.OK, at_ms=0, pid=1))
    await report(redis, word("one-7", HealthState.DEGRADED, "Kafka is slow", 3))
    await report(redis, word("two-8", HealthState.OK, None, 4))
    answer = (await admin.get("/readyz")).json()
    (streams,) = [part for part in answer["components"] if part["name"] == "streams"]
    assert (streams["state"], streams["reason"]) == ("degraded", "one-7: Kafka is slow")

    text = (await (await api.as_role(Role.GATEWAY)).get("/metrics")).text
    for instance, up, lag in (("one-7", 0.5, 3.0), ("two-8", 1.0, 4.0)):
        assert f'gemba_service_up{{instance="{instance}",service="streams"}} {up}' in text
        labels = f'instance="{instance}",topic="gemba.orders.v1"'
        assert f"gemba_streams_lag{{{labels}}} {lag}" in text
        assert f'gemba_streams_lag_records{{instance="{instance}"}} {lag}' in text
