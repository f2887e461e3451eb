"""A press that tells gemba every piece: machine.py URL WORK_ORDER PIECES SECONDS_PER_PIECE."""

import json
import sys
from itertools import count
from threading import Semaphore
from time import sleep, time_ns
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

PRESS = "gemba/v1/plant-1/cutting/line-1/press-1"
url, work_order, pieces, seconds = urlsplit(sys.argv[1]), *sys.argv[2:5]
boot, numbers = f"run-{time_ns()}", count()  # this run's name, and a number for each message
acknowledged = Semaphore(0)
client = Client(CallbackAPIVersion.VERSION2)
client.on_publish = lambda *_: acknowledged.release()
client.username_pw_set(unquote(url.username or ""), unquote(url.password or ""))
client.connect(url.hostname or "127.0.0.1", url.port or 1883)
client.loop_start()


def tell(kind: str, **fields: object) -> None:
    """Publish one message and wait until the broker has it, however long it is away."""
    body = {"t": time_ns() // 1_000_000, "boot": boot, "seq": next(numbers), **fields}
    client.publish(f"{PRESS}/{kind}", json.dumps(body), qos=1)
    acknowledged.acquire()


tell("job", event="started", work_order=work_order, operation=10, requested=int(pieces))
tell("state", state="running")
for _ in range(int(pieces)):
    sleep(float(seconds))  # your machine makes a piece here
    tell("count", good=1)
tell("job", event="completed", work_order=work_order, operation=10)
tell("state", state="idle")
client.disconnect()
