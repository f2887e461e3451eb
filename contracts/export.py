"""The contracts as documents: `python -m contracts.export DIR`.

Writes `native.schema.json` (MQTT messages by kind), `events.schema.json` (records of the stream),
`live.schema.json` (the live protocol and what its channels carry), `outward.schema.json` (events of
`/v1/events` and of webhooks), all JSON Schema 2020-12, and `asyncapi.json` (AsyncAPI 3.0), which
names the topics and channels and refers to the four.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from contracts import live, outward, streams, telemetry
from contracts.topics import PREFIX, Kind

Document: TypeAlias = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_FORMAT: Final = "application/schema+json;version=draft-2020-12"
_VERSION: Final = "1.0.0"

NATIVE: Final[Mapping[Kind, type[msgspec.Struct]]] = {
    Kind.COUNT: telemetry.Count,
    Kind.JOB: telemetry.Job,
    Kind.STATE: telemetry.State,
    Kind.READING: telemetry.Reading,
    Kind.MESSAGE: telemetry.Message,
    Kind.OPERATOR: telemetry.Operator,
    Kind.MATERIAL: telemetry.Material,
    Kind.HEARTBEAT: telemetry.Heartbeat,
    Kind.MOVE: telemetry.Move,
}
"""What the object of each kind looks like; `docs/protocol.md` says what else is asked of it."""

EVENTS: Final = (
    streams.Bundle,
    streams.OperationProgressed,
    streams.MachineChanged,
    streams.OrderEvent,
    streams.DeadLettered,
    streams.GoodsMoved,
    streams.DisruptionRaised,
    streams.PlanStored,
    streams.AlarmMoved,
)
FROM_CLIENT: Final = (live.Subscribe, live.Unsubscribe, live.Ping)
TO_CLIENT: Final = (live.Snapshot, live.Delta, live.Subscribed, live.Error, live.Pong)
VIEWS: Final = (
    live.FloorSummary,
    live.MachineTile,
    live.OrderView,
    live.OperationProgress,
    live.TrackingView,
    live.TerminalView,
    live.PlanHead,
    live.PlanBar,
    live.PlanMachine,
    live.PlanResource,
    live.DisruptionView,
    live.AlarmView,
    live.AlarmSummary,
)
OUTWARD: Final = (
    outward.OrderHappened,
    outward.OrderProgressed,
    outward.ShipmentHappened,
    outward.StockShortage,
    outward.WebhookTried,
    outward.CloudEvent,
    outward.WebhookMessage,
)
_CARRIED: Final[Mapping[str, Sequence[type[msgspec.Struct]]]] = {
    streams.TELEMETRY: (streams.Bundle,),
    streams.WAREHOUSE: (streams.Bundle,),
    streams.OPERATIONS: (streams.Bundle,),
    streams.ORDERS: (streams.OrderEvent,),
    streams.PROGRESS: (streams.OperationProgressed,),
    streams.FLOOR: (streams.MachineChanged,),
    streams.GOODS: (streams.GoodsMoved,),
    streams.DISRUPTIONS: (streams.DisruptionRaised,),
    streams.PLANS: (streams.PlanStored,),
    streams.DEAD_LETTERS: (streams.DeadLettered,),
    streams.ALARMS: (streams.AlarmMoved,),
}


def documents() -> dict[str, Document]:
    """The documents by file name."""
    return {
        "native.schema.json": _schemas(
            "Native messages", [*NATIVE.values(), telemetry.Receipts], strict=False
        ),
        "events.schema.json": _schemas("Records of the stream (MessagePack)", EVENTS),
        "live.schema.json": _schemas("Live protocol", [*FROM_CLIENT, *TO_CLIENT, *VIEWS]),
        "outward.schema.json": _schemas("Events of /v1/events and of webhooks", OUTWARD),
        "asyncapi.json": _asyncapi(),
    }


def write(folder: Path) -> list[Path]:
    """Write the documents; answers their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, document in documents().items():
        path = folder / name
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


def _schemas(title: str, types: Sequence[type[msgspec.Struct]], *, strict: bool = True) -> Document:
    _, components = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    definitions = {name: components[name] for name in sorted(components)}
    document = {"$schema": DIALECT, "title": title, "$defs": definitions}
    if not strict:
        document["description"] = "Unknown extra fields are kept and ignored."
    return document


def _asyncapi() -> Document:
    messages: Document = {}
    channels: Document = {}
    operations: Document = {}
    for kind, struct in NATIVE.items():
        schema = {"$ref": f"./native.schema.json#/$defs/{struct.__name__}"}
        either = {"oneOf": [schema, {"type": "array", "items": schema}]}
        _add_message(messages, f"native.{kind}", struct, either, "application/json")
        channels[kind.value] = _machine_channel(kind.value, f"native.{kind}")
        operations[f"receive.{kind}"] = _operation("receive", kind.value)
    receipts = {"$ref": "./native.schema.json#/$defs/Receipts"}
    _add_message(messages, "native.ack", telemetry.Receipts, receipts, "application/json")
    channels["ack"] = _machine_channel("ack", "native.ack")
    operations["send.ack"] = _operation("send", "ack")
    for event in EVENTS:
        single = {"$ref": f"./events.schema.json#/$defs/{event.__name__}"}
        payload = single if event is streams.Bundle else {"type": "array", "items": single}
        _add_message(messages, f"stream.{event.__name__}", event, payload, "application/msgpack")
    for topic, carried in _CARRIED.items():
        channels[topic] = {
            "address": topic,
            "servers": [{"$ref": "#/servers/log"}],
            "messages": _references(f"stream.{event.__name__}" for event in carried),
        }
        operations[f"send.{topic}"] = _operation("send", topic)
        operations[f"receive.{topic}"] = _operation("receive", topic)
    _add_live(messages, channels, operations)
    _add_outward(messages, channels, operations)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "gemba",
            "version": _VERSION,
            "description": "From a machine's message to a screen. The REST API has an OpenAPI"
            " document of its own; what the words mean stands in docs/protocol.md.",
        },
        "servers": {
            "mqtt": {"host": "localhost:1883", "protocol": "mqtt", "protocolVersion": "3.1.1"},
            "log": {"host": "localhost:9092", "protocol": "kafka"},
            "live": {"host": "localhost:8000", "protocol": "ws"},
            "api": {"host": "localhost:8000", "protocol": "http"},
            "receiver": {
                "host": "receiver.example",
                "protocol": "https",
                "description": "A webhook's own address.",
            },
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _add_live(messages: Document, channels: Document, operations: Document) -> None:
    for struct in (*FROM_CLIENT, *TO_CLIENT):
        schema = {"$ref": f"./live.schema.json#/$defs/{struct.__name__}"}
        _add_message(messages, f"live.{struct.__name__}", struct, schema, "application/json")
    channels["live"] = {
        "address": "/v1/live",
        "description": f"WebSocket subprotocol {live.SUBPROTOCOL}; opened with a ticket.",
        "servers": [{"$ref": "#/servers/live"}],
        "messages": _references(f"live.{struct.__name__}" for struct in (*FROM_CLIENT, *TO_CLIENT)),
    }
    for action, structs in (("receive", FROM_CLIENT), ("send", TO_CLIENT)):
        operations[f"{action}.live"] = {
            **_operation(action, "live"),
            "messages": [
                {"$ref": f"#/channels/live/messages/live.{struct.__name__}"} for struct in structs
            ],
        }


def _add_outward(messages: Document, channels: Document, operations: Document) -> None:
    """Events by type, once as CloudEvents to be asked for and once as they are sent to webhooks."""
    tried: dict[str, type[msgspec.Struct]] = {outward.WEBHOOK_TEST: outward.WebhookTried}
    sent = {**outward.DATA, **tried}
    for name, data in outward.DATA.items():
        _add_message(
            messages, f"event.{name}", data, _typed("CloudEvent", name, data), "application/json"
        )
    for name, data in sent.items():
        schema = _typed("WebhookMessage", name, data)
        _add_message(messages, f"webhook.{name}", data, schema, "application/json")
        messages[f"webhook.{name}"]["headers"] = {
            "type": "object",
            "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
            "properties": {
                "webhook-id": {"type": "string", "description": "The same at each attempt."},
                "webhook-timestamp": {"type": "string", "description": "Seconds since 1970."},
                "webhook-signature": {"type": "string", "description": "v1,<base64>"},
            },
        }
    channels["events"] = {
        "address": "/v1/events",
        "description": "Asked for with `after`, in the order of commits and without holes.",
        "servers": [{"$ref": "#/servers/api"}],
        "messages": _references(f"event.{name}" for name in outward.DATA),
    }
    operations["send.events"] = _operation("send", "events")
    channels["webhooks"] = {
        "address": "{url}",
        "parameters": {"url": {"description": "As `POST /v1/webhooks` was told."}},
        "description": "Standard Webhooks: POSTs to the address of each webhook, at least once.",
        "servers": [{"$ref": "#/servers/receiver"}],
        "messages": _references(f"webhook.{name}" for name in sent),
    }
    operations["send.webhooks"] = _operation("send", "webhooks")


def _typed(envelope: str, name: str, data: type[msgspec.Struct]) -> Document:
    """An envelope of one type, with that type's data."""
    return {
        "allOf": [
            {"$ref": f"./outward.schema.json#/$defs/{envelope}"},
            {
                "properties": {
                    "type": {"const": name},
                    "data": {"$ref": f"./outward.schema.json#/$defs/{data.__name__}"},
                }
            },
        ]
    }


def _add_message(
    messages: Document,
    name: str,
    struct: type[msgspec.Struct],
    schema: Document,
    content_type: str,
) -> None:
    messages[name] = {
        "name": name,
        "summary": (struct.__doc__ or "").partition("\n")[0],
        "contentType": content_type,
        "payload": {"schemaFormat": _FORMAT, "schema": schema},
    }


def _machine_channel(kind: str, message: str) -> Document:
    area, kept = ("warehouse", "") if kind == Kind.MOVE else ("{area}", "area")
    levels = [level for level in ("site", kept, "line", "machine") if level]
    address = f"{PREFIX}{{site}}/{area}/{{line}}/{{machine}}/{kind}"
    return {
        "address": address,
        "servers": [{"$ref": "#/servers/mqtt"}],
        "parameters": {
            level: {"description": "No '/', space, '+', '#', '$' or NUL."} for level in levels
        },
        "messages": _references([message]),
    }


def _references(names: Iterable[str]) -> Document:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _operation(action: str, channel: str) -> Document:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


def main() -> None:
    """Write the documents into the folder named on the command line."""
    if len(sys.argv) != 2:  # noqa: PLR2004 - the program and the folder
        sys.exit("usage: python -m contracts.export DIR")
    for path in write(Path(sys.argv[1])):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
