"""The libraries that are compared, each in the strongest form that its users could write."""
