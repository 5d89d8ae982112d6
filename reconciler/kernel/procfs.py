"""The settings of the namespace that the thread is in, as the files below /proc/sys.

To open one, Linux looks through the entries of its name that it keeps of all namespaces (proc_sys_compare):
0.2 ms where there are 1,000, 2 ms where there are 3,000.  A procfs of our own, which is mounted nowhere and
never sees many namespaces, keeps that at 0.02 ms.
"""

import os

from ..kinds.ownership import HOST
from .netns import checked, libc

PROC = "/proc"
CLOEXEC, CREATE = 1, 6  # FSOPEN_CLOEXEC, FSCONFIG_CMD_CREATE and FSMOUNT_CLOEXEC of linux/mount.h
# MOUNT_ATTR_NOSUID, NODEV and NOEXEC, without which a user namespace may mount none.
STRICT = 0x2 | 0x4 | 0x8
RENEWED = 32  # files after which to begin anew: an instance costs what two of them do


class Procfs:
    """Opens the files; to be closed."""

    def __init__(self) -> None:
        self.root, self.opened = -1, 0

    def open(self, ns: str, name: str, flags: int) -> int:
        """A descriptor of a setting in `ns`, which is where the thread is; on the host of the file that
        everybody sees, since a service may have been forbidden to write to it."""
        if ns == HOST:
            return os.open(f"{PROC}/sys/{name}", flags | os.O_CLOEXEC)
        if self.opened % RENEWED == 0:
            self.close()
            self.root = instance()
        self.opened += 1
        return os.open(f"sys/{name}", flags | os.O_CLOEXEC, dir_fd=self.root)

    def close(self) -> None:
        if self.root >= 0:
            os.close(self.root)
        self.root = -1


def instance() -> int:
    """A descriptor of a new procfs, or of the one that stands where nobody may make another."""
    try:
        return mounted()
    except OSError:
        return os.open(PROC, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def mounted() -> int:
    context: int = libc.fsopen(b"proc", CLOEXEC)
    checked(context)
    try:
        checked(libc.fsconfig(context, CREATE, None, None, 0))
        root: int = libc.fsmount(context, CLOEXEC, STRICT)
    finally:
        os.close(context)
    checked(root)
    return root
