"""Documents in and out: translators between a format and `domain.documents`."""
