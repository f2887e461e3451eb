"""A Redis that does not let us in: it is said what is wrong, and no secret is told."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from plant_broker import make_certificates
from redis import Redis
from redis.exceptions import RedisError
from service_stack import ServiceStack, wait_for

from launch.ports import free_port
from runtime.redis_problem import redis_problem
from runtime.secrets import installation_key

WRONG = "a-password-that-is-wrong"


@pytest.fixture
def tls_redis(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A Redis with TLS and a password: its port and its secrets."""
    secrets = make_certificates(tmp_path, "localhost")
    port = free_port()
    arguments = ["redis-server", "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1"]
    arguments += ["--tls-auth-clients", "no", "--requirepass", "right", "--save", ""]
    for option, file in (("cert", "server.pem"), ("key", "server.key"), ("ca-cert", "ca.pem")):
        arguments += [f"--tls-{option}-file", str(secrets / file)]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, cwd=tmp_path) as process:
        try:
            yield port, secrets
        finally:
            process.terminate()


def test_health_says_that_the_password_is_wrong_and_no_log_tells_it(
    database_url: str, redis_url: str, data_dir: Path
) -> None:
    right = urlsplit(redis_url).password or "-"
    stack = ServiceStack(
        database_url=database_url,
        redis_url=redis_url.replace(right, WRONG),
        gateway_mqtt_url=f"mqtt://gateway:secret@127.0.0.1:{free_port()}",
        machine_mqtt_url="mqtt://127.0.0.1",
        data_dir=data_dir,
    )
    installation_key(data_dir)
    services = ("api", "edge", "streams", "scheduler")
    try:
        for service in services:
            stack.start(service)

        def reason() -> str:
            headers = {"Authorization": f"Bearer {stack.token()}"}
            try:
                answer = httpx.get(f"{stack.url}/readyz", headers=headers, timeout=20)
            except (httpx.TransportError, OSError):
                return ""
            assert answer.status_code == 503
            parts = {part["name"]: part for part in answer.json()["components"]}
            return str(parts["redis"]["reason"])

        wait_for(lambda: "refuses the user or the password" in reason(), "it is said")
        said = "Redis refuses the user or the password"
        wait_for(lambda: said in stack.log_of("edge"), "the gateway's log says it")
        time.sleep(1)  # for what may be logged from now on
        for service in services:
            assert stack.processes[service].poll() is None, stack.log_of(service)
    finally:
        stack.stop_all()
    for service in services:
        text = (data_dir / f"{service}.log").read_text()
        assert WRONG not in text
        assert right not in text


@pytest.mark.redis_server
def test_tls_and_its_failures_are_told_apart(tls_redis: tuple[int, Path]) -> None:
    port, secrets = tls_redis
    authority = f"ssl_ca_certs={secrets / 'ca.pem'}"

    def problem(url: str) -> str:
        try:
            with Redis.from_url(url, socket_timeout=5) as redis:
                redis.ping()
        except (RedisError, OSError) as error:
            return redis_problem(error)
        return ""

    good = f"rediss://:right@localhost:{port}?{authority}"
    wait_for(lambda: problem(good) == "", "it answers")
    assert "refuses the user or the password" in problem(good.replace("right", WRONG))
    assert "refuses the user or the password" in problem(good.replace(":right@", ""))
    assert "certificate that is refused" in problem(f"rediss://:right@localhost:{port}")
    assert "certificate that is refused" in problem(good.replace("localhost", "127.0.0.1"))
    assert problem(f"redis://:right@localhost:{port}").startswith("does not answer")
