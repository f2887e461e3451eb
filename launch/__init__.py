"""The command line, the supervisor, the embedded backends."""
