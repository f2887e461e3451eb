"""Documents for partners: what goes out, and what became of it."""
