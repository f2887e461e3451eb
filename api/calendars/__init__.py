"""When sites and machines work."""
