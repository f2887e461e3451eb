"""What runs short, and what should be ordered or made."""
