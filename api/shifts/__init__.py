"""Shift patterns, where they are worked, and the days that are special."""
