"""Settings, clock, logging, metrics, health: no word of the domain."""
