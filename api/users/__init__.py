"""People's accounts, for administrators."""
