"""The records that reports are made of, read from the rows as they were known at a moment."""
