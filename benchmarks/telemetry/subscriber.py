"""A subscriber that does nothing but acknowledge: it shows what the generator and broker can.

`python -m benchmarks.telemetry.subscriber`: the broker's URL comes by standard input. Says `ready`
once it is subscribed; on SIGTERM it prints how many messages it had, as JSON.
"""

from __future__ import annotations

import json
import resource
import signal
import socket
import sys
from types import FrameType

from benchmarks.telemetry.generator import connect_packet
from edge.packets import PacketReader, pubacks
from runtime.mqtt_url import parse_mqtt_url

_SUBSCRIBE = b"\x82\x0f\x00\x01\x00\x0agemba/v1/#\x01"


def main() -> None:
    """Acknowledge until told to end."""
    address = parse_mqtt_url(sys.stdin.readline().strip())
    connection = socket.create_connection((address.host, address.port))
    connection.sendall(connect_packet(address, "null-subscriber"))
    connection.recv(4, socket.MSG_WAITALL)
    connection.sendall(_SUBSCRIBE)
    reader = PacketReader()
    received = 0

    def ended(_number: int, _frame: FrameType | None) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"received": received, "cpu_s": usage.ru_utime + usage.ru_stime}))
        sys.exit(0)

    print("ready", flush=True)
    signal.signal(signal.SIGTERM, ended)
    while data := connection.recv(1 << 18):
        messages, _ = reader.feed(data)
        received += len(messages)
        if messages:
            connection.sendall(pubacks([one.packet_id for one in messages]))


if __name__ == "__main__":
    main()
