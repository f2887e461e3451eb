"""Pegs as rows: which demand is served by which supply, and what split and merge did."""
