"""The Container Network Model, with every decision taken.  Pure."""
