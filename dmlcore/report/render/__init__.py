"""A report's sections in each output format."""
