"""What customers see when they sign in: their own orders, and nothing else."""
