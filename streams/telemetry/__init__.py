"""Telemetry: from bundles of MQTT messages to rows and events."""

from streams.telemetry.agent import GROUP, PoisonedError, TelemetryAgent

__all__ = ["GROUP", "PoisonedError", "TelemetryAgent"]
