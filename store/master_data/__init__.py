"""Master data as rows: reading all of it, applying changes, and asking single questions."""
