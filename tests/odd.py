"""What may stand where a small regular file is expected."""

import os
import stat
from pathlib import Path

ODD = ["missing", "directory", "pipe", "socket", "loop", "dangling", "device", "too large"]


def odd(kind: str, path: str | Path) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    match kind:
        case "directory":
            path.mkdir()
            (path / "full").touch()
        case "pipe":
            os.mkfifo(path)
        case "socket":
            os.mknod(path, stat.S_IFSOCK | 0o600)  # bind() takes no long path
        case "loop":
            path.symlink_to(path.name)
        case "dangling":
            path.symlink_to("nowhere")
        case "device":
            path.symlink_to("/dev/zero")
        case "too large":
            with open(path, "wb") as file:
                file.truncate(1 << 40)
        case "text":
            path.write_text("[" * 5000)
    return path
