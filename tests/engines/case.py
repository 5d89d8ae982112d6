"""What is made by Docker and by us, what is asked there, and what we answer otherwise on purpose."""

from typing import NamedTuple

CASE = """
name: shop
networks:
  front: {name: front, enable_ipv6: true, ipam: {config: [{subnet: 10.81.0.0/24}, {subnet: 'fd81::/64'}]}}
  back:
    name: back
    internal: true
    enable_ipv6: true
    ipam: {config: [{subnet: 10.82.0.0/24}, {subnet: 'fd82::/64'}]}
  lone: {name: lone, ipam: {config: [{subnet: 10.83.0.0/24}]}}
containers:
  web:
    container_name: web
    hostname: store.example.org
    networks:
      front: {ipv4_address: 10.81.0.10, ipv6_address: 'fd81::10', aliases: [www, Mart, api.example.com]}
  db:
    container_name: db
    networks:
      front: {ipv4_address: 10.81.0.11, ipv6_address: 'fd81::11', aliases: [www]}
      back: {ipv4_address: 10.82.0.11, ipv6_address: 'fd82::11', aliases: [pg]}
  both:
    container_name: both
    networks:
      front: {ipv4_address: 10.81.0.12, ipv6_address: 'fd81::12'}
      back: {ipv4_address: 10.82.0.12, ipv6_address: 'fd82::12'}
  inner:
    container_name: inner
    links: ['db:database']
    networks: {back: {ipv4_address: 10.82.0.13, ipv6_address: 'fd82::13'}}
  asking:
    container_name: asking
    dns: [198.51.100.3]
    extra_hosts: ['registry.example:192.0.2.7']
    links: ['web:w']
    networks: {front: {ipv4_address: 10.81.0.14, ipv6_address: 'fd81::14'}}
  alone:
    container_name: alone
    networks: {lone: {ipv4_address: 10.83.0.15}}
  plain: {container_name: plain, network_mode: bridge}
  linked: {container_name: linked, network_mode: bridge, links: ['plain:p']}
"""
FRONT, BACK, LONE, PLAIN = ("web", "db", "both", "asking"), ("db", "both"), ("alone",), ("plain",)
# In words of dig.  What those who are on a network find there:
ON_FRONT = """web A, WEB A, web AAAA, web A +tcp, web AAAA +tcp, www A, www A +tcp, mart A, Mart AAAA,
    web.front A, api.example.com A, store.example.org A, db.front A, asking A, -x 10.81.0.10, -x fd81::10,
    -x 10.81.0.12"""
ON_BOTH = "db A, DB AAAA, both A"
ON_BACK = "db.back A, pg A, PG AAAA, inner A, -x 10.82.0.11, -x 10.82.0.12, -x fd82::12"
ON_LONE = "alone A, alone.lone A, -x 10.83.0.15"
NOWHERE = """alone AAAA, nobody A, nobody AAAA, nobody A +tcp, nobody.example A, web.back A, w A, database A,
    plain A, registry.example A, localhost A, -x 10.81.0.99"""
BEYOND = "www.example.com A, www.example.com AAAA, -x 192.0.2.80"
OTHERWISE = "printer A, store A, shop A, web.shop A, web.shop.internal A, web MX, web TXT"
UNKNOWN, NOTHING = "NXDOMAIN", "NOERROR"
Told = dict[str, tuple[str, str]]  # by question, what Docker answers and what we do


class Difference(NamedTuple):
    reason: str
    boxes: tuple[str, ...]
    told: Told


DIFFERENCES = (
    Difference(
        "a container is found by its project too, and by the first label of its hostname",
        FRONT,
        dict.fromkeys(("store A", "web.shop A", "web.shop.internal A"), (UNKNOWN, f"{NOTHING} 10.81.0.10")),
    ),
    Difference("what names end in is there (RFC 8020)", (*FRONT, *LONE), {"shop A": (UNKNOWN, NOTHING)}),
    Difference(
        "what else there may be of a name that is known here is asked of nobody",
        FRONT,
        {"web TXT": (UNKNOWN, NOTHING)},
    ),
    Difference(
        "a name without a dot is not told to the world",
        ("web", *BACK, *LONE),
        {"printer A": (f"{NOTHING} 192.0.2.9", UNKNOWN)},
    ),
    Difference(
        "who shares two networks with another is told of both",
        BACK,
        {
            "db A": (f"{NOTHING} 10.81.0.11", f"{NOTHING} 10.81.0.11 10.82.0.11"),
            "DB AAAA": (f"{NOTHING} fd81::11", f"{NOTHING} fd81::11 fd82::11"),
            "both A": (f"{NOTHING} 10.81.0.12", f"{NOTHING} 10.81.0.12 10.82.0.12"),
        },
    ),
    Difference(
        "a link is a line of one container's hosts file",
        ("asking",),
        {"w A": (f"{NOTHING} 10.81.0.10", UNKNOWN)},
    ),
)


def listed(*texts: str) -> list[str]:
    return [one.strip() for text in texts if text for one in text.split(",")]
