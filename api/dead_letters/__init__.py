"""What was refused, and sending it round again."""
