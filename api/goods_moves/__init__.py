"""Warehouse moves that belong to no order."""
