"""Plugins of the Container Network Interface, as programs that are run, and what is kept of their answers."""
