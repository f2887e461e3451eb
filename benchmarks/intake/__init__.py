"""How many orders and documents an embedded installation takes in, review included."""
