"""A world with names: a server that knows them, and machines at their addresses."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.netns.asking import dnsmasq
from tests.netns.lab import REMOTE4, Lab

# Public as rebinding has it: 192.0.2.0/24, 2001:db8::/32 and their like are nobody's.
API4, API6 = "198.18.0.1", "2001:2::1"
PACKAGES = "198.18.0.2"
OTHER4, OTHER6 = "198.18.0.3", "2001:2::3"
SHARED4 = "100.64.0.9"  # carriers' own, and those of many a private network
MANY = [f"198.18.1.{number}" for number in range(1, 21)]
CROWD = [f"198.18.{net}.{number}" for net in range(2, 4) for number in range(1, 251)]
RECORDS = (
    f"--host-record=api.x.com,{API4},{API6}",
    f"--host-record=deep.api.x.com,{OTHER4}",
    f"--host-record=a.packages.example.org,{PACKAGES}",
    f"--host-record=b.c.packages.example.org,{PACKAGES}",
    f"--host-record=packages.example.org,{OTHER4}",
    f"--host-record=other.com,{OTHER4},{OTHER6}",
    "--txt-record=api.x.com,hello",
    "--txt-record=other.com,hello",
    "--cname=www.cdn.net,edge.cdn.net",
    "--cname=edge.cdn.net,node.cdn.net",
    f"--host-record=node.cdn.net,{PACKAGES}",
    *(f"--host-record=many.y.com,{address}" for address in MANY),
    *(f"--host-record=n{number}.crowd.net,{address}" for number, address in enumerate(CROWD)),
    "--host-record=evil.packages.example.org,10.91.0.3",
    "--host-record=cloud.packages.example.org,169.254.169.254",
    "--host-record=alibaba.packages.example.org,100.100.100.200",
    f"--host-record=shared.packages.example.org,{SHARED4}",
)


@contextmanager
def names(lab: Lab, *records: str) -> Iterator[None]:
    """The host asks who knows these."""
    file = Path("/etc/resolv.conf")
    file.unlink(missing_ok=True)
    file.write_text(f"nameserver {REMOTE4}\n")
    every = [API4, PACKAGES, OTHER4, SHARED4, *MANY, *CROWD, API6, OTHER6]
    lab.ip("".join(f"addr add {one}{'' if ':' in one else '/32'} dev lo\n" for one in every), "R")
    with dnsmasq(
        lab, "R", *(records or RECORDS), "--address=/#/", f"--listen-address={REMOTE4}", "--bind-interfaces"
    ):
        yield
