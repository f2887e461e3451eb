"""Who is told of a customer's dates: by staff, by the customer, by whoever has a link."""
