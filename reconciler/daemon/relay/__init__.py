"""Ports published on [::1], relayed: the one place where a socket stands between a client and a container.

Linux drops replies to a translated ::1, so these connections end here and go on to the container from here.
`program` is a process of its own, since whoever connects must take nothing from what heals: no descriptor,
no thread, no memory.  `process` is what the watcher has of it.
"""
