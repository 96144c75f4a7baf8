"""From stored results to what is handed in: notebooks, their PDFs, and one zip of all."""
