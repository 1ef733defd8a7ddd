"""Many models on the same data at once."""
