"""Orders as documents: read, resolved, registered, applied, reviewed."""
