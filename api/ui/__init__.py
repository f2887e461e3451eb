"""The built pages, served by the same process: one origin, no cross-origin requests."""
