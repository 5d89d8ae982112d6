"""The command line: each mode's run of the line, and what is printed of it."""
