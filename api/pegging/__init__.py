"""Splitting and merging work orders, moving pegs, and the site that makes an order line."""
