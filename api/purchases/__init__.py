"""Purchases: what was ordered from suppliers."""
