"""Items and their routings."""
