"""The Faust app: topics, agents, dead letters; the embedded transport."""
