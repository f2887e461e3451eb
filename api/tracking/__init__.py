"""A customer's link to an order."""
