"""Rows of who is told of customers' dates, of what they know, and of what they were told."""
