"""Plan versions: what is in them, how they differ, publishing a draft."""
