"""Which demand is served by which supply, and with how much: decisions about pegs."""
