"""How long an answer about a machine's past takes."""
