"""Trying batch sizes: the `[probe]` table of a study."""
