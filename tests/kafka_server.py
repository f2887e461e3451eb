"""A real Apache Kafka (KRaft) for tests and benchmarks: jars from `make kafka`, a JVM on PATH.

One node, or a cluster of several on this machine. Everything listens on loopback only, and ends
with the `with` block that started it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from launch.ports import free_port

LIBS: Final = Path(
    os.environ.get("GEMBA_TEST_KAFKA_LIBS")
    or Path(__file__).resolve().parents[1] / "build" / "kafka"
)
"""Where `make kafka` has put the jars."""

_CLUSTER_ID: Final = "Z2VtYmEtdGVzdC1rYWZrYQ"
_HEAP: Final = "-Xmx512m"
_START_S: Final = 60.0
_STOP_S: Final = 30.0


def missing() -> str | None:
    """What this machine lacks to run Kafka; None when it has all."""
    if shutil.which("java") is None:
        return "Kafka needs a JVM (java) on PATH"
    if not any(LIBS.glob("kafka_2.13-*.jar")):
        return "Kafka's jars are not there: `make kafka` fetches them (needs Maven)"
    return None


class KafkaNode:
    """One server, broker and controller in one. Make it by `kafka_cluster`."""

    def __init__(self, folder: Path, number: int, controllers: str, replicas: int) -> None:
        self.number = number
        self.port = free_port()
        self.controller_port = int(controllers.split(",")[number - 1].rpartition(":")[2])
        self.process: subprocess.Popen[bytes] | None = None
        self._folder = folder / f"node-{number}"
        self._folder.mkdir(parents=True)
        self._properties = self._folder / "server.properties"
        self._properties.write_text(
            "process.roles=broker,controller\n"
            f"node.id={number}\n"
            f"controller.quorum.voters={controllers}\n"
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},"
            f"CONTROLLER://127.0.0.1:{self.controller_port}\n"
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
            "controller.listener.names=CONTROLLER\n"
            "inter.broker.listener.name=PLAINTEXT\n"
            f"log.dirs={self._folder / 'data'}\n"
            "auto.create.topics.enable=false\n"
            "num.partitions=1\n"
            f"default.replication.factor={replicas}\n"
            f"min.insync.replicas={min(2, replicas)}\n"
            f"offsets.topic.replication.factor={replicas}\n"
            "offsets.topic.num.partitions=4\n"
            f"transaction.state.log.replication.factor={replicas}\n"
            f"transaction.state.log.min.isr={min(2, replicas)}\n"
            "group.initial.rebalance.delay.ms=0\n"
            "broker.session.timeout.ms=6000\n"
        )

    @property
    def address(self) -> str:
        """`host:port` of the broker."""
        return f"127.0.0.1:{self.port}"

    def format(self) -> None:
        """Prepare the data folder, once."""
        self._run_tool(
            "kafka.tools.StorageTool",
            "format",
            "--cluster-id",
            _CLUSTER_ID,
            "--config",
            str(self._properties),
        )

    def start(self) -> None:
        """Start the server; `wait` waits until it answers."""
        with (self._folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                _java(
                    _HEAP, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "kafka.Kafka",
                    str(self._properties),
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def wait(self) -> None:
        """Wait until the broker accepts connections."""
        deadline = time.monotonic() + _START_S
        while True:
            if self.process is None or self.process.poll() is not None:
                log = (self._folder / "server.log").read_text(errors="replace")
                raise RuntimeError(f"Kafka ended at once: {log[-2_000:]}")
            with socket.socket() as probe:
                probe.settimeout(1.0)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kafka did not listen on {self.address} in {_START_S:.0f} s")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as by a power cut."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(_STOP_S)
            self.process = None

    def stop(self) -> None:
        """End it in good order."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(_STOP_S)
        self.process = None

    def restart(self) -> None:
        """Kill it, start it again on the same data, and wait for it."""
        self.kill()
        self.start()
        self.wait()

    def _run_tool(self, main: str, *arguments: str) -> None:
        subprocess.run(_java("-Xmx256m", main, *arguments), check=True, capture_output=True)


class KafkaCluster:
    """The running nodes."""

    def __init__(self, nodes: Sequence[KafkaNode]) -> None:
        self.nodes = tuple(nodes)

    @property
    def url(self) -> str:
        """What GEMBA_STREAM_URL says: all brokers."""
        return "kafka://" + ";".join(node.address for node in self.nodes)


@contextmanager
def kafka_cluster(folder: Path, nodes: int = 1) -> Iterator[KafkaCluster]:
    """Start a cluster in an empty folder and end it afterwards.

    Raises:
        RuntimeError: it did not come up, or the machine lacks what `missing` says.
    """
    lacking = missing()
    if lacking is not None:
        raise RuntimeError(lacking)
    voters = ",".join(f"{number}@127.0.0.1:{free_port()}" for number in range(1, nodes + 1))
    made = [KafkaNode(folder, number, voters, nodes) for number in range(1, nodes + 1)]
    try:
        for node in made:
            node.format()
            node.start()
        for node in made:
            node.wait()
        yield KafkaCluster(made)
    finally:
        for node in made:
            node.stop()


def _java(*arguments: str) -> list[str]:
    return ["java", "-cp", f"{LIBS}/*", *arguments]
