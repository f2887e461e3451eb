"""Schedules by which reports are sent by mail."""
