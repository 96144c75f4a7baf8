"""Values, components and hooks that plugins are written against; `dmlcore` itself exports the public ones."""
