"""Guests: containers that other runtimes make and attach to networks of ours, by CNI, netavark or Docker.

Each is a manifest that is written in its runtime's name, a file in a folder of its own; all else is the line
that any manifest takes.  Its network namespace is the runtime's: it is attached to, and left as it was.
"""
