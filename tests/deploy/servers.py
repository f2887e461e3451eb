"""What the images of the servers do when they start, done by this machine's programs.

The commands, variables, secrets, mounts and users are those of docker-compose.yml; only what stands
inside an image is played here.
"""

from __future__ import annotations

import shutil
import socket
from typing import Final

import kafka_server
from boxes import Box, Machine

from launch.backends.mqtt import mosquitto_binary

_POSTGRES: Final = r"""
set -e
export PGDATA=/var/lib/postgresql/data
if [ ! -e "$PGDATA/PG_VERSION" ]; then
    chmod 0700 "$PGDATA"
    # shellcheck disable=SC2086 # words
    initdb --pgdata="$PGDATA" --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" \
        --no-sync --no-instructions $POSTGRES_INITDB_ARGS
    printf "unix_socket_directories = '/var/run/postgresql'\nlisten_addresses = '*'\n" \
        >>"$PGDATA/postgresql.conf"
    pg_ctl --silent --wait --options="-c listen_addresses=''" start
    for file in /docker-entrypoint-initdb.d/*.sql; do
        psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc --host=/var/run/postgresql \
            --username=postgres --dbname=postgres --file="$file"
    done
    pg_ctl --silent --wait --mode=fast stop
fi
exec postgres
"""

_KAFKA: Final = r"""#!/bin/bash
set -e
env | grep '^KAFKA_' | grep -v '^KAFKA_HEAP_OPTS=' | while IFS='=' read -r name value; do
    name=${name#KAFKA_}
    echo "$(echo "${name//_/.}" | tr '[:upper:]' '[:lower:]')=$value"
done >/tmp/kafka.properties
java -Xmx256m -cp "@LIBS@/*" kafka.tools.StorageTool format --ignore-formatted \
    --cluster-id "$CLUSTER_ID" --config /tmp/kafka.properties
# shellcheck disable=SC2086 # words
exec java $KAFKA_HEAP_OPTS -XX:+UseSerialGC -cp "@LIBS@/*" kafka.Kafka /tmp/kafka.properties
"""


def start_all(machine: Machine, *, kafka: bool = False) -> None:
    """The servers, and what runs before the services, in the order of the file."""
    started = [start_timescaledb(machine), start_redis(machine)]
    if kafka:
        started.append(start_kafka(machine))
    for server in started:
        machine.until_healthy(server)
    machine.run("broker-files")
    broker = start_mosquitto(machine)
    if shutil.which("nc") is None:  # the image has it, for its health check
        broker.until(lambda: listens(machine, 1883), "listening")
    else:
        machine.until_healthy(broker)
    machine.run("migrate")


def start_timescaledb(machine: Machine) -> Box:
    """PostgreSQL as its image makes and starts it (without TimescaleDB, which no wheel has)."""
    return machine.start("timescaledb", command=["bash", "-c", _POSTGRES])


def start_redis(machine: Machine) -> Box:
    """Redis: the file says the whole command."""
    return machine.start("redis")


def start_mosquitto(machine: Machine) -> Box:
    """Mosquitto with the command of its image."""
    program = mosquitto_binary()
    assert program is not None
    command = [str(program), "-c", "/mosquitto/config/mosquitto.conf"]
    return machine.start("mosquitto", command=command)


def start_kafka(machine: Machine) -> Box:
    """Kafka: the command of the file, and what it starts in the image."""
    program = machine.folder / "kafka-run"
    program.write_text(_KAFKA.replace("@LIBS@", str(kafka_server.LIBS)), encoding="utf-8")
    program.chmod(0o755)
    return machine.start("kafka", mounts={"/etc/kafka/docker/run": program})


def listens(machine: Machine, port: int) -> bool:
    """Whether something listens on a port of the machine."""

    def probe() -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", port)) == 0

    return machine.inside(probe)
