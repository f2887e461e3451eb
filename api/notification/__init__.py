"""Delivery over the API: ways, templates, letters, addresses that bounce."""
