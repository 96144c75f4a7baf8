"""Finding installed plugins, and surviving the broken ones."""
