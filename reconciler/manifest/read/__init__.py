"""From checked text to the specification of each project."""
