"""The rows behind planning: problems are read, plans, disruptions and projections are written."""
