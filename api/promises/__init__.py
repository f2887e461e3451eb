"""Promise dates: what a salesperson answers with while on the phone."""
