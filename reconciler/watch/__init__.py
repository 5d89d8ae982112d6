"""What rings, and the loop that listens: an event carries no truth, it only says that now is a time to
look."""
