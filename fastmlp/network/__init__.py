"""Network: what it is made of, how it is trained, measured and described."""
