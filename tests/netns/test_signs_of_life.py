"""What systemd hears while a long apply runs: that work goes on, and READY when it is done."""

import socket
import time

from tests.netns.watching import watching

BOXES = "".join(f"  c{n}: {{networks: [n]}}\n" for n in range(400))
MANY = f"name: t\nnetworks: {{n: {{}}}}\ncontainers:\n{BOXES}"


def heard(door: socket.socket) -> list[tuple[float, str]]:
    """Each datagram until READY, and when it came."""
    found = [(time.monotonic(), "")]
    while "READY=1" not in found[-1][1]:
        text = door.recv(4096).decode()
        found.append((time.monotonic(), text))
    return found


def test_the_watchdog_is_fed_by_the_apply_itself(lab):
    lab.write(MANY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind("/run/notify")
        door.settimeout(60)
        with watching(lab, lab.files, sync=False, NOTIFY_SOCKET="/run/notify"):
            found = heard(door)
    signs = [at for at, text in found if "WATCHDOG=1" in text or not text]
    longer = [text for _, text in found if "EXTEND_TIMEOUT_USEC=60000000" in text]
    assert len(longer) >= 2, found
    gaps = [later - earlier for earlier, later in zip(signs, signs[1:], strict=False)]
    assert max(gaps) < max(2.5, (signs[-1] - signs[0]) / 2), found
