"""The load: a process of its own that speaks MQTT 3.1.1 at QoS 1, and costs next to nothing.

A client library makes some 10,000 publishes a second and would be what is measured. Here packets
are made from templates, one write carries all that are due on a connection, and PUBACKs are counted
by their bytes. Several connections share the machines; each has a bounded number of unacknowledged
packets, so a broker that falls behind slows the load down, which the result tells.

`python -m benchmarks.telemetry.generator`: the broker's URL comes by standard input, so that no
password is on a command line. Prints what was done as JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from runtime.mqtt_url import MqttAddress, parse_mqtt_url

STEP_S: Final = 0.004
"""Publishes are written in steps of this length: two messages a machine at 25,000/s."""

PACKET_IDS: Final = 65_535
WINDOW: Final = 8_000
"""Unacknowledged packets of a connection, at most."""

DRAINED_S: Final = 60.0
_KEEPALIVE_S: Final = 600
_READ_BYTES: Final = 1 << 16
_PUBACK: Final = 0x40
_PUBACK_BYTES: Final = 4
_CONNACK: Final = b"\x20\x02\x00\x00"
_VALUES: Final = 997
"""So many different readings: a prime, so that no machine sees a short period."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to publish.

    Attributes:
        site, line: levels of the topics, `gemba/v1/<site>/area/<line>/m<nn>/<kind>`.
        sites: over so many sites the machines are spread: `<site>`, `<site>-1`, `<site>-2`, …
        boot: the run's name; `seq` begins at 0 for every machine.
        rate: messages a second of all machines; 0 is as fast as the broker takes them.
        array: objects in a message; 1 is a single object, not an array.
        kind: `reading` or `count`.
        seconds: for how long.
    """

    site: str
    sites: int = 1
    line: str
    boot: str
    machines: int
    connections: int
    rate: float
    array: int
    kind: str
    seconds: float


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was published; every message was acknowledged by the broker.

    Attributes:
        seq_sum: the sum of all `seq` sent, to compare with what is stored.
        seconds: from the first to the last write.
        late_s: how far the load was behind its own schedule at the end.
        cpu_s: what the generator itself took.
    """

    messages: int
    samples: int
    seq_sum: int
    seconds: float
    late_s: float
    cpu_s: float


class Publisher:
    """The packets of some machines, on one connection."""

    def __init__(self, load: Load, numbers: Sequence[int], address: MqttAddress, name: str) -> None:
        self._array = load.array
        self._templates = [_Template(load, number) for number in numbers]
        self._seqs = [0] * len(self._templates)
        self._turn = 0
        self._packet_id = 0
        self._out = bytearray()
        self._acked = bytearray()
        self.sent = 0
        self.acknowledged = 0
        self.socket = _connect(address, name)

    @property
    def seqs(self) -> list[int]:
        """How many objects every machine has sent."""
        return self._seqs

    @property
    def room(self) -> int:
        """How many more messages may be unacknowledged."""
        return WINDOW - (self.sent - self.acknowledged)

    @property
    def waiting(self) -> bool:
        """Whether bytes are left that the socket has not taken yet."""
        return bool(self._out)

    def publish(self, count: int) -> None:
        """Write so many messages, of one machine after the other."""
        now_ms = time.time_ns() // 1_000_000
        templates, seqs, array = self._templates, self._seqs, self._array
        packets = []
        turn, packet_id = self._turn, self._packet_id
        for _ in range(count):
            packet_id = packet_id % PACKET_IDS + 1
            packets.append(templates[turn].packet(packet_id, now_ms, seqs[turn]))
            seqs[turn] += array
            turn = (turn + 1) % len(templates)
        self._turn, self._packet_id = turn, packet_id
        self.sent += count
        self._out += b"".join(packets)
        self.flush()

    def flush(self) -> None:
        """Write what the socket takes."""
        while self._out:
            try:
                written = self.socket.send(self._out)
            except BlockingIOError:
                return
            del self._out[:written]

    def read(self) -> None:
        """Count the PUBACKs that have come.

        Raises:
            ConnectionError: the broker closed the connection or said something else.
        """
        try:
            data = self.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionError("the broker closed the generator's connection")
        self._acked += data
        whole = len(self._acked) // _PUBACK_BYTES * _PUBACK_BYTES
        kinds = self._acked[:whole:_PUBACK_BYTES]
        if kinds.count(_PUBACK) != len(kinds):
            raise ConnectionError("the broker sent the generator something else than PUBACKs")
        self.acknowledged += len(kinds)
        del self._acked[:whole]


class _Template:
    """A machine's packets: all but packet id, time and `seq` is made beforehand."""

    def __init__(self, load: Load, number: int) -> None:
        topic = machine_topic(load, number).encode()
        self._head = len(topic).to_bytes(2, "big") + topic
        self._array = load.array
        # A reading's value changes from object to object as a real one would: by little.
        values = [20_000 + number * 100 + (step * 37 % 211) for step in range(_VALUES)]
        self._bodies = [
            ",".join(
                _object(load, values[(first + place) % _VALUES]) for place in range(load.array)
            )
            for first in range(0, _VALUES, max(1, _VALUES // 16))
        ]
        if load.array > 1:
            self._bodies = [f"[{body}]" for body in self._bodies]
        self._formats = [body.encode() for body in self._bodies]

    def packet(self, packet_id: int, now_ms: int, seq: int) -> bytes:
        body = self._formats[(seq // self._array) % len(self._formats)]
        if self._array == 1:
            payload = body % (now_ms, seq)
        else:
            stamps: list[int] = []
            for one in range(seq, seq + self._array):
                stamps += (now_ms, one)
            payload = body % tuple(stamps)
        rest = self._head + packet_id.to_bytes(2, "big") + payload
        return b"\x32" + _remaining_length(len(rest)) + rest


def _object(load: Load, value: int) -> str:
    start = f'{{"t":%d,"boot":"{load.boot}","seq":%d,'
    if load.kind == "count":
        return start + '"good":1}'
    return start + f'"name":"temperature","value":{value / 1_000:.3f},"unit":"Cel"}}'


def machine_topic(load: Load, number: int) -> str:
    """Where a machine publishes.

    >>> machine_topic(Load(site="s", line="l", boot="b", machines=1, connections=1, rate=1,
    ...     array=1, kind="reading", seconds=1), 7)
    'gemba/v1/s/area/l/m07/reading'
    """
    site = f"{load.site}-{number % load.sites}" if number % load.sites else load.site
    return f"gemba/v1/{site}/area/{load.line}/m{number:02d}/{load.kind}"


def _remaining_length(length: int) -> bytes:
    """MQTT 3.1.1, section 2.2.3: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while True:
        length, low = divmod(length, 128)
        encoded.append(low | (0x80 if length else 0))
        if not length:
            return bytes(encoded)


def connect_packet(address: MqttAddress, client_id: str, *, clean: bool = True) -> bytes:
    """A CONNECT of MQTT 3.1.1 (section 3.1)."""
    flags = 0x02 if clean else 0
    fields = [client_id]
    if address.username is not None:
        flags |= 0x80
        fields.append(address.username)
    if address.password is not None:
        flags |= 0x40
        fields.append(address.password)
    body = b"\x00\x04MQTT\x04" + bytes([flags]) + _KEEPALIVE_S.to_bytes(2, "big")
    for field in fields:
        raw = field.encode()
        body += len(raw).to_bytes(2, "big") + raw
    return b"\x10" + _remaining_length(len(body)) + body


def _connect(address: MqttAddress, client_id: str) -> socket.socket:
    connection = socket.create_connection((address.host, address.port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(connect_packet(address, client_id))
    answer = connection.recv(len(_CONNACK), socket.MSG_WAITALL)
    if answer != _CONNACK:
        raise ConnectionError(f"the broker refused the generator: {answer.hex()}")
    connection.setblocking(False)  # noqa: FBT003 - the standard library's
    return connection


def publish(load: Load, address: MqttAddress) -> Done:
    """Publish the load, and wait until the broker has acknowledged all of it.

    Raises:
        ConnectionError: the broker refused or ended a connection.
        TimeoutError: it did not acknowledge everything in time.
    """
    count = min(load.connections, load.machines)
    publishers = [
        Publisher(load, range(first, load.machines, count), address, f"load-{load.boot}-{first}")
        for first in range(count)
    ]
    with selectors.DefaultSelector() as selector:
        for one in publishers:
            selector.register(one.socket, selectors.EVENT_READ, one)
        started = time.monotonic()
        late_s = _publish_all(load, publishers, selector, started)
        seconds = time.monotonic() - started
        end = time.monotonic() + DRAINED_S
        while any(one.acknowledged < one.sent for one in publishers):
            _turn(selector, STEP_S)
            for one in publishers:
                one.flush()
            if time.monotonic() > end:
                raise TimeoutError(f"not acknowledged within {DRAINED_S:.0f} s")
    for one in publishers:
        one.socket.sendall(b"\xe0\x00")
        one.socket.close()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seqs = [seq for one in publishers for seq in one.seqs]
    messages = sum(one.sent for one in publishers)
    return Done(
        messages=messages,
        samples=messages * load.array,
        seq_sum=sum(seq * (seq - 1) // 2 for seq in seqs),
        seconds=seconds,
        late_s=late_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
    )


def _publish_all(
    load: Load,
    publishers: Sequence[Publisher],
    selector: selectors.BaseSelector,
    started: float,
) -> float:
    """Publish on schedule; answers by how much the schedule was missed in the end."""
    total = int(load.rate * load.seconds)
    sent = 0
    step = started
    while True:
        now = time.monotonic()
        elapsed = now - started
        if load.rate:
            due = min(total, int(elapsed * load.rate) + 1) - sent
        else:
            due = sum(one.room for one in publishers)
        share, more = divmod(max(0, due), len(publishers))
        for place, one in enumerate(publishers):
            asked = min(share + (place < more), one.room)
            if asked and not one.waiting:
                one.publish(asked)
                sent += asked
            else:
                one.flush()
        if sent >= total > 0:
            return max(0.0, time.monotonic() - started - load.seconds)
        if elapsed > load.seconds and (not load.rate or elapsed > load.seconds + DRAINED_S):
            return elapsed - load.seconds
        step = max(step + STEP_S, now)
        _turn(selector, max(0.0, step - time.monotonic()))
        while (left := step - time.monotonic()) > 0:
            if load.rate:
                time.sleep(left)
            else:
                _turn(selector, left)


def _turn(selector: selectors.BaseSelector, wait_s: float) -> None:
    for key, _ in selector.select(wait_s):
        publisher: Publisher = key.data
        publisher.read()


def main() -> None:
    """Publish what the options say and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", default="bench")
    parser.add_argument("--sites", type=int, default=1)
    parser.add_argument("--line", default="load")
    parser.add_argument("--boot", default="load")
    parser.add_argument("--machines", type=int, default=50)
    parser.add_argument("--connections", type=int, default=5)
    parser.add_argument("--rate", type=float, default=0, help="messages a second; 0: all it can")
    parser.add_argument("--array", type=int, default=1, help="objects in a message")
    parser.add_argument("--kind", choices=("reading", "count"), default="reading")
    parser.add_argument("--seconds", type=float, default=10)
    load = Load(**vars(parser.parse_args()))
    done = publish(load, parse_mqtt_url(sys.stdin.readline().strip()))
    print(json.dumps(msgspec.to_builtins(done)))


if __name__ == "__main__":
    main()
