"""Channels: where documents come in, and what holds for all that come in there."""
