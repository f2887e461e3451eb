"""Drivers: one kind of way each."""
