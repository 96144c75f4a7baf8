"""What finished runs and probes leave on disk."""
