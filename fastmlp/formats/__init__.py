"""Models as files: a Description of a model, and the formats that it is written to and read from."""
