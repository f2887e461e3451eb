"""Documents for partners: what causes them, their rows, who gets which."""
