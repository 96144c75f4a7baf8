"""The numbers and words of a report."""
