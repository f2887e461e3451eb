"""Shops as files: read, solved, checked and drawn."""
