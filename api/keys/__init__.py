"""API keys of programs, for administrators."""
