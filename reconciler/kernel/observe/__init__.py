"""What stands, read in one look."""
