"""Measurements. Peers run in the same run; figures are medians and quantiles, with CPU seconds."""
