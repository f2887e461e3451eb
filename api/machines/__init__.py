"""Machines, and the terminal's words to them."""
