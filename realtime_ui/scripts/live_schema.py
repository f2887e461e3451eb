"""Writes the live protocol's messages and views as one JSON Schema document to standard output.

The TypeScript types of `src/live/protocol.gen.ts` are generated from it; `npm run check` fails when
the document in the repository differs from what the contracts say now.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Print the schema, with stable order and no word about when or where it was made."""
    sys.path.insert(0, str(ROOT))
    from contracts import live  # noqa: PLC0415  (the checkout's root must be importable first)

    messages = [
        live.Subscribe,
        live.Unsubscribe,
        live.Ping,
        live.Snapshot,
        live.Delta,
        live.Subscribed,
        live.Error,
        live.Pong,
    ]
    views = [
        live.FloorSummary,
        live.MachineTile,
        live.OrderView,
        live.OperationProgress,
        live.TrackingView,
        live.TerminalView,
        live.PlanHead,
        live.PlanMachine,
        live.PlanResource,
        live.PlanBar,
        live.DisruptionView,
        live.AlarmView,
        live.AlarmSummary,
    ]
    _, schemas = msgspec.json.schema_components(
        [*messages, *views], ref_template="#/components/schemas/{name}"
    )
    document = {
        "openapi": "3.1.0",
        "info": {"title": "gemba live protocol", "version": live.SUBPROTOCOL},
        "paths": {},
        "components": {"schemas": dict(sorted(schemas.items()))},
    }
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
