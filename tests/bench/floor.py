"""The least that Linux needs for N attached containers: netlink packed by hand, and one nft transaction.

    python tests/bench/floor.py N [plain]    in a throw-away namespace (.ci/setup: throwaway); a line of JSON

It decides, checks and remembers nothing, and shares no code with what it is held against.  `plain` is without
two tricks: the bridge goes up with snooping off, which is then turned on, and down before its ports go.
"""

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
NEWNET, BIND, DETACH, GROUP = 0x40000000, 4096, 2, 4242
REQUEST, ACK, DUMP, CREATE_EXCL = 1, 4, 0x300, 0x600
NEWLINK, DELLINK, GETLINK, NEWADDR, GETADDR, NEWROUTE, GETROUTE = 16, 17, 18, 20, 22, 24, 26
V4, V6, NODAD = 2, 10, 2
BATCH, BUFFER = 64, 1 << 15
SELF = "/proc/thread-self/ns/net"
TABLE = """table inet floor {
 map p4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
 map p6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
 chain pre { type nat hook prerouting priority dstnat; fib daddr type local jump d; }
 chain out { type nat hook output priority -100; fib daddr type local jump d; }
 chain d { dnat ip to meta l4proto . th dport map @p4; dnat ip6 to meta l4proto . th dport map @p6; }
 chain post { type nat hook postrouting priority srcnat; ip saddr 10.99.0.0/16 oifname != "floor0" masquerade;
  ip6 saddr fd99::/64 oifname != "floor0" masquerade; }
}
"""


def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def attr(kind, data):
    return struct.pack("=HH", len(data) + 4, kind) + data + b"\0" * (-len(data) % 4)


def u32(kind, value):
    return struct.pack("=HHI", 8, kind, value)


def nest(kind, *parts):
    return attr(kind | 0x8000, b"".join(parts))


def message(kind, flags, body):
    return struct.pack("=IHHII", 16 + len(body), kind, REQUEST | flags, 1, 0) + body


def link(flags=0, body=b"", index=0, up=0, kind=NEWLINK):
    return message(kind, flags, struct.pack("=BBHiII", 0, 0, 0, index, up, up) + body)


def address(family, length, index, ip):
    head = struct.pack("=BBBBI", family, length, 0, 0, index) + attr(2, ip)
    return message(NEWADDR, CREATE_EXCL, head + (attr(1, ip) if family == V4 else u32(8, NODAD)))


def defaults():
    for family, gateway in ((V4, ip4(-1)), (V6, ip6(-1))):
        head = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 254, 4, 0, 1, 0)
        yield message(NEWROUTE, CREATE_EXCL, head + attr(5, gateway))


def ip4(i):
    return bytes((10, 99, (i + 2) >> 8, (i + 2) & 255))


def ip6(i):
    return struct.pack(">HHQI", 0xFD99, 0, 0, i + 2)


def talk(sock, messages):
    """One send; only the last is acknowledged, and any other's error comes back too."""
    for start in range(0, len(messages), BATCH):
        batch = [bytearray(m) for m in messages[start : start + BATCH]]
        struct.pack_into("=HI", batch[-1], 6, struct.unpack_from("=H", batch[-1], 6)[0] | ACK, 2)
        sock.send(b"".join(batch))
        while not acknowledged(sock.recv(BUFFER)):
            pass


def acknowledged(data):
    at = 0
    while at < len(data):
        size, kind, _, sequence, _, error = struct.unpack_from("=IHHIIi", data, at)
        if kind == 2 and error:
            raise OSError(-error, os.strerror(-error))
        if kind == 2 and sequence == 2:
            return True
        at += (size + 3) & ~3
    return False


def dump(sock, kind):
    """Every answer is received; nothing in it is looked at."""
    sock.send(link(DUMP, kind=kind))
    while True:
        data, at = sock.recv(BUFFER), 0
        while at < len(data):
            size, answer = struct.unpack_from("=IH", data, at)
            if answer == 3:
                return
            at += (size + 3) & ~3


def nft(text):
    subprocess.run(["nft", "-f", "-"], input=text.encode(), check=True, stdout=subprocess.DEVNULL)


def elements(which):
    four = ",".join(f"tcp . {20000 + i} : 10.99.{(i + 2) >> 8}.{(i + 2) & 255} . 80" for i in which)
    six = ",".join(f"tcp . {20000 + i} : fd99::{i + 2:x} . 80" for i in which)
    return f"add element inet floor p4 {{{four}}}\nadd element inet floor p6 {{{six}}}\n"


def lowered(index):
    return message(NEWLINK, 0, struct.pack("=BBHiII", 0, 0, 0, index, 0, 1))


def snooping(index, on):
    return link(index=index, body=nest(18, attr(1, b"bridge\0"), nest(2, attr(23, bytes((on,))))))


class Floor:
    """A bridge, and sandboxes on it."""

    def __init__(self, plain):
        self.plain = plain
        self.home = os.open(SELF, os.O_RDONLY)
        self.host = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        os.makedirs("/run/netns", exist_ok=True)
        kind = nest(18, attr(1, b"bridge\0"))
        talk(self.host, [link(CREATE_EXCL, attr(3, b"floor0\0") + kind)])
        self.bridge = socket.if_nametoindex("floor0")
        talk(self.host, [address(V4, 16, self.bridge, ip4(-1)), address(V6, 64, self.bridge, ip6(-1))])

    def sandboxes(self, which):
        """Made, wired and named; then all host ends up, and the bridge behind them."""
        quiet = nest(26, nest(10, attr(8, b"\1")))
        ends = [attr(3, f"f{i}\0".encode()) for i in which]
        for i, end in zip(which, ends, strict=True):
            call("unshare", NEWNET)
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as inside:
                talk(inside, self.wiring(i, end))
            path = f"/run/netns/floor{i}"
            os.close(os.open(path, os.O_CREAT))
            call("mount", SELF.encode(), path.encode(), None, BIND, None)
        call("setns", self.home, NEWNET)
        talk(self.host, [m for end in ends for m in (link(0, end + quiet), link(0, end, up=1))])
        up, deaf, hearing = link(index=self.bridge, up=1), *(snooping(self.bridge, on) for on in (0, 1))
        talk(self.host, [up] if self.plain else [deaf, up, hearing])

    def wiring(self, i, end):
        peer = nest(1, struct.pack("=BBHiII", 0, 0, 0, 2, 0, 0), attr(3, b"eth0\0"), u32(31, 1), u32(32, 1))
        where = u32(27, GROUP) + u32(10, self.bridge) + u32(28, self.home) + u32(31, 1) + u32(32, 1)
        pair = link(CREATE_EXCL, end + where + nest(18, attr(1, b"veth\0"), nest(2, peer)))
        addresses = address(V4, 16, 2, ip4(i)), address(V6, 64, 2, ip6(i))
        return [pair, *(link(index=n, up=1) for n in (1, 2)), *addresses, *defaults()]

    def read(self, count):
        """Every message of every sandbox, and of the host."""
        for kind in (GETLINK, GETADDR, GETROUTE):
            dump(self.host, kind)
        for i in range(count):
            fd = os.open(f"/run/netns/floor{i}", os.O_RDONLY)
            call("setns", fd, NEWNET)
            os.close(fd)
            with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as inside:
                for kind in (GETLINK, GETADDR, GETROUTE):
                    dump(inside, kind)
        call("setns", self.home, NEWNET)

    def destroy(self, count):
        nft("delete table inet floor\n")
        ports, bridge = link(body=u32(27, GROUP), kind=DELLINK), link(index=self.bridge, kind=DELLINK)
        talk(self.host, [ports, bridge] if self.plain else [lowered(self.bridge), ports, bridge])
        for i in range(count):
            path = f"/run/netns/floor{i}"
            call("umount2", path.encode(), DETACH)
            os.unlink(path)


def main(count, plain=False):
    """Prints seconds by phase: the wall's, and its own and nft's CPU, which neighbours do not stretch."""
    floor, spans = Floor(plain), {}
    phases = {
        "wiring": lambda: floor.sandboxes(range(count)),
        "nft": lambda: nft(TABLE + elements(range(count))),
        "read": lambda: floor.read(count),
        "destroy": lambda: floor.destroy(count),
    }
    for name, work in phases.items():
        start, cpu = time.monotonic(), sum(os.times()[:4])
        work()
        spans |= {name: time.monotonic() - start, f"cpu_{name}": sum(os.times()[:4]) - cpu}
    spans |= {f"{kind}build": spans[f"{kind}wiring"] + spans[f"{kind}nft"] for kind in ("", "cpu_")}
    spans["cpu"] = sum(os.times()[:4])
    print(json.dumps({"n": count} | {name: round(value, 4) for name, value in spans.items()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), "plain" in sys.argv)
