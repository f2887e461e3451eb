"""The load: a process of its own that publishes counted pieces at a steady rate over MQTT."""

from __future__ import annotations

import argparse
import json
import resource
import secrets
import time
from collections import deque
from urllib.parse import urlsplit

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

CONNECTED_S = 10.0
UNACKNOWLEDGED = 40_000
"""A broker that is slower than the rate slows the load down; paho has 65,535 packet ids."""


def main() -> None:
    """Publish, wait for the broker's PUBACKs, and print what was done as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", required=True)
    parser.add_argument("--machines", type=int, required=True)
    parser.add_argument("--rate", type=int, required=True, help="messages a second")
    parser.add_argument("--array", type=int, required=True, help="samples in a message")
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    url = urlsplit(input())
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"load-{options.site}")
    client.username_pw_set(url.username, url.password)
    client.max_inflight_messages_set(2_000)
    client.max_queued_messages_set(0)
    client.connect(url.hostname or "127.0.0.1", url.port or 1883)
    client.loop_start()
    deadline = time.monotonic() + CONNECTED_S
    while not client.is_connected() and time.monotonic() < deadline:
        time.sleep(0.01)
    sent = publish(
        client, options.site, options.machines, options.rate, options.array, options.seconds
    )
    usage = resource.getrusage(resource.RUSAGE_SELF)
    client.loop_stop()
    print(json.dumps(sent | {"cpu_s": usage.ru_utime + usage.ru_stime}))


def publish(  # noqa: PLR0917 - one loop, its knobs
    client: paho.Client, site: str, machines: int, rate: int, array: int, seconds: float
) -> dict[str, float]:
    """Publish at the rate in steps of 5 ms; a step that comes late is made up for."""
    topics = [f"gemba/v1/{site}/area/line/m{number:02d}/count" for number in range(machines)]
    # A boot of its own: a second run's numbers would be conflicts with the first one's, which are
    # set aside one by one.
    boot = f"load-{secrets.token_hex(4)}".encode()
    seqs = [0] * machines
    started = time.monotonic()
    messages = 0
    unacknowledged: deque[paho.MQTTMessageInfo] = deque()
    total = int(rate * seconds)
    while messages < total:
        due = min(total, int((time.monotonic() - started) * rate) + 1)
        while messages < due:
            number = messages % machines
            info = client.publish(topics[number], _payload(boot, seqs, number, array), qos=1)
            unacknowledged.append(info)
            messages += 1
            if len(unacknowledged) > UNACKNOWLEDGED:
                unacknowledged.popleft().wait_for_publish(timeout=120)
        time.sleep(0.005)
    took = time.monotonic() - started
    for info in unacknowledged:
        info.wait_for_publish(timeout=120)
    return {"messages": messages, "samples": messages * array, "seconds": took}


def _payload(boot: bytes, seqs: list[int], number: int, array: int) -> bytes:
    now = time.time_ns() // 1_000_000
    first = seqs[number]
    seqs[number] += array
    objects = [
        b'{"t":%d,"boot":"%b","seq":%d,"good":1}' % (now, boot, seq)
        for seq in range(first, first + array)
    ]
    return objects[0] if array == 1 else b"[" + b",".join(objects) + b"]"


if __name__ == "__main__":
    main()
