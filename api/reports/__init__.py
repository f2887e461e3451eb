"""Reports over the API: figures with their definitions, as of a moment (ADR 17)."""
