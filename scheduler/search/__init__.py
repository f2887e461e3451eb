"""Compiled local search on shops: arrays in, sequences out, without the GIL."""
