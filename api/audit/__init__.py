"""The audit log: who changed what, when, from where, why, and what it was before."""
