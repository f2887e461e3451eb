"""Whether one service is well, as cheaply as a health check that runs every few seconds has to be.

The API is asked by HTTP; the others have said how they are to Redis (`runtime.health`).
"""

from __future__ import annotations

import http.client
import os

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from runtime.health import Health, HealthState, host_prefix, key_of
from runtime.logging import without_credentials
from runtime.settings import Installation as Settings

API = "api"
_TIMEOUT_S = 3.0
_ANY_ADDRESS = frozenset(("0.0.0.0", "::", ""))  # noqa: S104 - replaced, not bound


class UnhealthyError(Exception):
    """The service is not well; the message says what is known."""


def ask(settings: Settings, service: str) -> str:
    """How the service on this machine says it is, in words.

    Raises:
        UnhealthyError: it has failed, says nothing, or cannot be heard.
    """
    if service == API:
        return _ask_api(settings)
    words = _words(settings.redis_url.get_secret_value(), service)
    if not words:
        raise UnhealthyError(f"{service} says nothing")
    worst = max(words, key=lambda word: list(HealthState).index(word.state))
    text = worst.state.value if worst.reason is None else f"{worst.state.value}: {worst.reason}"
    if worst.state is HealthState.FAILED:
        raise UnhealthyError(text)
    return text


def _ask_api(settings: Settings) -> str:
    host = "127.0.0.1" if settings.http_host in _ANY_ADDRESS else settings.http_host
    connection = http.client.HTTPConnection(host, settings.http_port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise UnhealthyError(f"the API does not answer: {error}") from error
    finally:
        connection.close()
    if status != http.client.OK:
        raise UnhealthyError(f"the API answers with {status}")
    return HealthState.OK.value


def _words(redis_url: str, service: str) -> list[Health]:
    """What the processes of the service on this machine last said.

    Raises:
        UnhealthyError: Redis does not answer.
    """
    if not redis_url:
        raise UnhealthyError("GEMBA_REDIS_URL is not set")
    try:
        with Redis.from_url(
            redis_url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
        ) as redis:
            named = os.environ.get("GEMBA_INSTANCE")
            ours = key_of(service, named or f"{host_prefix()}*")
            keys = [key_of(service), *redis.scan_iter(match=ours, count=1_000)]
            values = redis.mget(keys)
    except (RedisError, OSError) as error:
        raise UnhealthyError(
            f"{service} cannot be heard: {without_credentials(str(error))}"
        ) from error
    words = [msgspec.json.decode(value, type=Health) for value in values if value is not None]
    if len(words) > 1:
        words = words[1:]  # the service's own key repeats one of them, or another machine's
    return [word for word in words if word.instance in {"", named} or _is_here(word)]


def _is_here(word: Health) -> bool:
    return word.instance.startswith(host_prefix())
