"""YAML with the place of every node, and the report of mistakes in it."""
