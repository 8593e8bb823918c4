"""step -> value: every schedule, and the means to save, join and plan them."""
