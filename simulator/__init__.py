"""A factory that publishes what a real one would, and replayers of recorded ones."""
