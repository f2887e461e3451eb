"""Reservations: who was promised what."""
