"""Events for whoever subscribes."""
