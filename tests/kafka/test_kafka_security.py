"""Kafka behind TLS and a password: everyone who speaks to it uses what the URL says."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from kafka_server import KafkaNode
from pydantic import SecretStr

from contracts.streams import PARTITIONS, TELEMETRY, TOPICS
from launch.ports import free_port
from runtime.settings import StreamsSettings
from store.log import LogAwayError, NewRecord
from store.log.kafka import KafkaLog
from store.log.kafka_address import parse
from streams.app import build_app, serve
from streams.consumption import Message, consume
from streams.sight import sight

PASSWORD = "not-for-logs"

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that lets in one user, by TLS."""
    folder = tmp_path_factory.mktemp("secure-kafka")
    certificate, key, both = (folder / name for name in ("ca.pem", "key.pem", "both.pem"))
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", str(key), "-out", str(certificate),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    both.write_text(key.read_text() + certificate.read_text())
    node = KafkaNode(folder, 1, f"1@127.0.0.1:{free_port()}", 1)
    login = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required"
        f' username="gemba" password="{PASSWORD}" user_gemba="{PASSWORD}";'
    )
    properties = folder / "node-1" / "server.properties"
    text = properties.read_text()
    text = text.replace("PLAINTEXT://", "CLIENTS://")
    text = text.replace("PLAINTEXT:PLAINTEXT", "CLIENTS:SASL_SSL")
    text = text.replace("broker.listener.name=PLAINTEXT", "broker.listener.name=CLIENTS")
    properties.write_text(
        text
        + "sasl.enabled.mechanisms=PLAIN\n"
        + "sasl.mechanism.inter.broker.protocol=PLAIN\n"
        + f"listener.name.clients.plain.sasl.jaas.config={login}\n"
        + "ssl.keystore.type=PEM\n"
        + f"ssl.keystore.location={both}\n"
        + "ssl.truststore.type=PEM\n"
        + f"ssl.truststore.location={certificate}\n"
    )
    try:
        node.format()
        node.start()
        node.wait()
        yield f"kafka+ssl://gemba:{PASSWORD}@{node.address}?ca={certificate}"
    finally:
        node.stop()


async def test_log_engine_and_watchdog_are_let_in_and_tell_no_password(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[Message] = []
    stop = asyncio.Event()
    settings = StreamsSettings(stream_url=url, database_url=SecretStr(""))
    app = build_app(settings, group="secure")

    @app.agent(app.topic(TELEMETRY, key_type=bytes, value_type=bytes))  # type: ignore[untyped-decorator] # Faust is untyped here
    async def tell(stream: object) -> None:
        async def handle(messages: list[Message]) -> None:
            told.extend(messages)

        await consume(stream, handle)  # type: ignore[arg-type] # a list is what it hands over

    async with KafkaLog(parse(url), None) as log:
        await log.create_topics(TOPICS, PARTITIONS)
        serving = asyncio.create_task(serve(app, stop))
        await log.append([NewRecord(TELEMETRY, 1, None, b"secret cargo")])
        async with asyncio.timeout(60):
            while not told:  # noqa: ASYNC110 - what is waited for sets no event
                await asyncio.sleep(0.05)
        stop.set()
        assert await serving == 0
    assert told[0].value == b"secret cargo"
    assert await asyncio.to_thread(_standing, url) == [(TELEMETRY, 1, 1, 1)]
    assert PASSWORD not in caplog.text


def _standing(url: str) -> list[tuple[str, int, int, int]]:
    with sight(stream_url=url, database_url="", group="secure") as look:
        return [
            (one.topic, one.partition, one.committed, one.head) for one in look([(TELEMETRY, 1)])
        ]


@pytest.mark.parametrize(
    "change",
    [("not-for-logs", "wrong-one"), ("kafka+ssl", "kafka"), ("?ca=", "?replicas=1&cert=")],
    ids=["another password", "in clear", "an authority that is not trusted"],
)
async def test_nobody_else_is(url: str, change: tuple[str, str]) -> None:
    wrong = url.replace(*change)
    if "cert=" in wrong or change[0] == "kafka+ssl":
        wrong = wrong.partition("?")[0]
    log = KafkaLog(parse(wrong), None)
    with pytest.raises(LogAwayError, match="does not answer") as raised:
        async with asyncio.timeout(60):
            await log.create_topics(TOPICS, PARTITIONS)
    assert PASSWORD not in str(raised.value)
    await log.close()
