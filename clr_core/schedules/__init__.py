"""step -> value: every schedule, and how to save, join and plan them."""
