"""Stock and promises: what is there, what will be, who gets it, what has to be ordered or made."""
