"""Operators and tools: who there is, and who is away."""
