"""Review before release: orders that wait for people, why, and what people decide."""
