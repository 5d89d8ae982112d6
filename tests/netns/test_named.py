"""Who changed something is told by a name that it chose itself."""

import sys

import pytest

from tests.netns.samples import WEB
from tests.netns.watching import watching

# Takes an address away under such a name, by a socket whose port is its process id, as iproute2's are.
TAKE = """
import socket, struct, time
with open("/proc/self/comm", "wb") as comm:
    comm.write(b"\\xff\\x1b[2J")
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as channel:
    channel.bind((0, 0))
    body = struct.pack("=BBBBI", socket.AF_INET, 24, 0, 0, socket.if_nametoindex("{link}"))
    body += struct.pack("=HH4s", 8, 2, socket.inet_aton("{address}"))
    channel.send(struct.pack("=IHHII", 16 + len(body), 21, 5, 1, 0) + body)
    assert channel.recv(4096)[16:20] == bytes(4)
    time.sleep(0.5)
"""


@pytest.mark.parametrize(("ns", "link"), [("t-web", "eth0"), ("", "br-t-n")], ids=["inside", "on the host"])
def test_a_name_that_is_no_text_stops_no_hearing(lab, ns, link):
    with watching(lab, lab.write(WEB)) as watcher:
        address = lab.address(ns, link)
        for _ in range(2):
            lab.run([sys.executable, "-c", TAKE.format(link=link, address=address)], ns)
            watcher.until(lambda: lab.address(ns, link) == address)
        watcher.until(lambda: "\\x1b[2J[" in watcher.log)
        assert "\x1b" not in watcher.log and "Traceback" not in watcher.log
