"""A press that loses no piece: outbox.py URL WORK_ORDER PIECES SECONDS_PER_PIECE OUTBOX_FILE."""

import json
import sqlite3
import sys
from itertools import count
from queue import SimpleQueue
from time import sleep, time, time_ns
from typing import Any
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

PRESS = "gemba/v1/plant-1/cutting/line-1/press-4"
PATIENCE_S = 5.0
url, work_order, pieces, seconds, file = urlsplit(sys.argv[1]), *sys.argv[2:6]
boot, numbers = f"run-{time_ns()}", count()
outbox = sqlite3.connect(file, isolation_level=None)
outbox.execute("PRAGMA synchronous = FULL")
outbox.execute("CREATE TABLE IF NOT EXISTS outbox (boot, seq, kind, body, sent)")
receipts: SimpleQueue[dict[str, Any]] = SimpleQueue()
client = Client(CallbackAPIVersion.VERSION2)
client.username_pw_set(unquote(url.username or ""), unquote(url.password or ""))
client.on_message = lambda _client, _data, message: receipts.put(json.loads(message.payload))


def subscribe(client: Client, *_: object) -> None:
    """Ask for receipts: the last one comes at once, it is retained."""
    client.subscribe(f"{PRESS}/ack", qos=1)


def tell(kind: str, **fields: object) -> None:
    """Write a message down, and only then publish it."""
    seq = next(numbers)
    body = json.dumps({"t": time_ns() // 1_000_000, "boot": boot, "seq": seq, **fields})
    outbox.execute("INSERT INTO outbox VALUES (?, ?, ?, ?, ?)", (boot, seq, kind, body, time()))
    client.publish(f"{PRESS}/{kind}", body, qos=1)


def settle() -> int:
    """Forget what gemba has, send again what it has not; answers how many messages are left."""
    while not receipts.empty():
        for one in receipts.get()["publishers"]:
            if one["source"] == "main" and one["first"] == 0:  # our boots begin at 0
                place = (one["boot"], one["seq"])
                outbox.execute("DELETE FROM outbox WHERE boot = ? AND seq <= ?", place)
    left = outbox.execute("SELECT rowid, kind, body, sent FROM outbox ORDER BY rowid").fetchall()
    for rowid, kind, body, sent in left:
        if client.is_connected() and time() - sent > PATIENCE_S:
            client.publish(f"{PRESS}/{kind}", body, qos=1)
            outbox.execute("UPDATE outbox SET sent = ? WHERE rowid = ?", (time(), rowid))
    return len(left)


client.on_connect = subscribe
client.connect_async(url.hostname or "127.0.0.1", url.port or 1883)
client.loop_start()
tell("job", event="started", work_order=work_order, operation=10)
for _ in range(int(pieces)):
    sleep(float(seconds))  # your machine makes a piece here
    tell("count", good=1)
    settle()
tell("job", event="completed", work_order=work_order, operation=10)
while settle():
    sleep(0.1)
client.disconnect()
