"""Tells the outside: events in one order, webhooks signed and tried again."""
