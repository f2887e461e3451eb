"""Webhooks: endpoints of others that are told of events."""
