"""Stock: what lies where, what moved, counts."""
