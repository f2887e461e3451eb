"""How much was stored."""
