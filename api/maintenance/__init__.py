"""Planned maintenance of machines."""
