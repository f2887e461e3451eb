"""What makes plans wrong."""
