"""Rows of delivery: letters of all sources, ways, templates, addresses that bounce."""
