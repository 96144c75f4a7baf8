"""The built-in plugins. Each is found through its entry point, like anybody's."""
