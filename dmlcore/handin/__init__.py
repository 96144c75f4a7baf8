"""Stored results as notebooks, their PDFs, and one zip to hand in."""
