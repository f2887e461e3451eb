"""Shipments by hand: planned, picked, packed, shipped, delivered, and what comes back."""
