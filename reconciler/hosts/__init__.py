"""Hosts that are not this kernel: another machine's state that was saved, or none at all."""
