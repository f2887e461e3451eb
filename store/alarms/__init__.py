"""Alarms as rows: definitions with versions, the state machine, the journal, messages to people."""
