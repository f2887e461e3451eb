"""The exported documents: valid, complete, and true of what the code sends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from api.openapi import document as openapi_document
from contracts import export, live, streams
from contracts.ids import EpochMs, SiteCode
from contracts.topics import Kind


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("contracts")
    return {path.name: json.loads(path.read_text()) for path in export.write(folder)}


def valid(schemas: dict[str, Any], name: str, value: object) -> bool:
    schema = {**schemas, "$ref": f"#/$defs/{name}"}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


def references(node: Any) -> list[str]:
    """Every `$ref` below a node."""
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in references(value)]
    if isinstance(node, list):
        return [ref for value in node for ref in references(value)]
    return []


def resolve(documents: dict[str, Any], name: str, reference: str) -> Any:
    file, _, pointer = reference.partition("#/")
    node = documents[file.removeprefix("./") or name]
    for part in pointer.split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


class TestSchemas:
    @pytest.mark.parametrize(
        "name", ["native.schema.json", "events.schema.json", "live.schema.json"]
    )
    def test_are_json_schema(self, documents: dict[str, Any], name: str) -> None:
        jsonschema.Draft202012Validator.check_schema(documents[name])
        assert documents[name]["$defs"]

    def test_every_reference_leads_somewhere(self, documents: dict[str, Any]) -> None:
        for name, document in documents.items():
            for reference in references(document):
                assert resolve(documents, name, reference) is not None

    def test_native_messages_are_told_apart_from_wrong_ones(
        self, documents: dict[str, Any]
    ) -> None:
        native = documents["native.schema.json"]
        job = {"t": 1, "boot": "b", "seq": 0, "event": "started", "work_order": "W", "operation": 1}
        assert valid(native, "Job", job)
        assert valid(native, "Job", {**job, "unknown": [1]})
        assert not valid(native, "Job", {**job, "event": "danced"})
        assert not valid(native, "Job", {**job, "operation": "1"})
        assert valid(native, "Heartbeat", {"t": "2026-01-01T00:00:00Z", "boot": "b", "seq": 1})
        move = {"t": 1, "boot": "b", "seq": 0, "event": "picked", "item": "i", "quantity": 1.5}
        assert valid(native, "Move", {**move, "from": "A", "to": "B"})

    def test_what_is_sent_fits(self, documents: dict[str, Any]) -> None:
        event = streams.OrderEvent(SiteCode("s"), "OrderReceived", 1, [2], 3, EpochMs(4))
        sent = msgspec.msgpack.decode(msgspec.msgpack.encode(event))
        assert valid(documents["events.schema.json"], "OrderEvent", sent)
        assert not valid(documents["events.schema.json"], "MachineChanged", sent)
        delta = json.loads(msgspec.json.encode(live.Delta("floor:s", 3, {"a": None})))
        assert valid(documents["live.schema.json"], "Delta", delta)
        assert not valid(documents["live.schema.json"], "Snapshot", delta)


class TestAsyncApi:
    def test_names_every_topic_and_channel(self, documents: dict[str, Any]) -> None:
        document = documents["asyncapi.json"]
        assert document["asyncapi"] == "3.0.0"
        addresses = {channel["address"] for channel in document["channels"].values()}
        assert set(streams.TOPICS) | {"/v1/live"} <= addresses
        for kind in Kind:
            assert any(
                address.startswith("gemba/v1/{site}/") and address.endswith(f"/{kind}")
                for address in addresses
            )
        for channel in document["channels"].values():
            named = {part[1:-1] for part in channel["address"].split("/") if part[:1] == "{"}
            assert named == set(channel.get("parameters", {}))

    def test_every_operation_speaks_of_messages_of_its_channel(
        self, documents: dict[str, Any]
    ) -> None:
        document = documents["asyncapi.json"]
        for operation in document["operations"].values():
            assert operation["action"] in ("send", "receive")
            channel = resolve(documents, "asyncapi.json", operation["channel"]["$ref"])
            for message in operation.get("messages", []):
                assert resolve(documents, "asyncapi.json", message["$ref"]) in (
                    channel["messages"].values()
                )


class TestOpenApi:
    def test_every_call_is_described_and_named_for_the_client(self) -> None:
        document = openapi_document()
        assert document["openapi"].startswith("3.1")
        names = []
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                assert operation["description"], (method, path)
                names.append(operation["operationId"])
        assert len(names) == len(set(names))
        for schema in document["components"]["schemas"].values():
            jsonschema.Draft202012Validator.check_schema(schema)
        for reference in references(document):
            assert resolve({"": document}, "", reference) is not None

    def test_quantities_are_numbers_to_the_client(self) -> None:
        schemas = openapi_document()["components"]["schemas"]
        assert schemas["Operation"]["properties"]["good_pieces"]["type"] == "integer"
        assert schemas["OrderLine"]["properties"]["quantity"]["type"] == "number"
