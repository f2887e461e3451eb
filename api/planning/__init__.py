"""Planning scopes: what is planned together, by which policy, and asking for a new plan."""
