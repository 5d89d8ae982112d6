"""What is refused is told, for whom `log: true` is written: by NFLOG, before the rule that refuses it.

Where anybody logs, the rules that refuse what containers say and hear have another beside them, which decides
nothing; nowhere else is there one more.  Whom a packet is told for is elements.  How often is counted by
container: of what it sends, and apart from that of what comes to it from elsewhere, so that one that does
nothing but knock keeps no other's line away.
"""

from collections.abc import Iterator

from ...cnm.bounds import Logged
from ...core.resource import Origin, Resource
from ...family import family
from ...kinds.maps import LOGGED
from ...kinds.named import VOLATILE
from ...kinds.ownership import GROUP, NFLOG_GROUP
from .ruleset import Chains, Maps, MapType, Ruleset

TELLING, LOGGING = TELLERS = "telling", "logging"
JUMP = f"jump {TELLING}"
OFTEN = "limit rate 10/second burst 20 packets"
LOG = f"log group {NFLOG_GROUP} snaplen 128"
# The chains that refuse what is not of others.  What conntrack knows nothing of is no connection.
REFUSING = ("refused", "entering", "leaving", "between", "direct", "to_host")
UNKNOWN = "ct state"


def of_family(number: int, ip: str) -> Maps:
    counted = {f"{way}{number}": MapType(ip, flags=VOLATILE) for way in ("told_from", "told_to")}
    return {f"{LOGGED}{number}": MapType(ip), **counted}


DROPS = Ruleset(
    "inet",
    {**of_family(4, "ipv4_addr"), **of_family(6, "ipv6_addr")},
    {
        TELLING: (
            "",
            "ip saddr @logged4 goto logging",
            "ip6 saddr @logged6 goto logging",
            "ip daddr @logged4 goto logging",
            "ip6 daddr @logged6 goto logging",
        ),
        # A container has few addresses; who comes from outside has as many as he likes.
        LOGGING: (
            "",
            f"iifgroup {GROUP} add @told_from4 {{ ip saddr {OFTEN} }} {LOG}",
            f"iifgroup {GROUP} add @told_from6 {{ ip6 saddr {OFTEN} }} {LOG}",
            f"iifgroup {GROUP} return",
            f"add @told_to4 {{ ip daddr {OFTEN} }} {LOG}",
            f"add @told_to6 {{ ip6 daddr {OFTEN} }} {LOG}",
        ),
    },
)


def telling(ruleset: Ruleset, *, logs: bool) -> Ruleset:
    """The same, in which what is refused is told, where anybody logs, with the chains and maps that this
    takes; of a bridge nothing is."""
    if not logs or ruleset.family != "inet":
        return ruleset
    return ruleset._replace(
        maps={**ruleset.maps, **DROPS.maps}, chains={**DROPS.chains, **dict(with_telling(ruleset.chains))}
    )


def with_telling(chains: Chains) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, (hook, *rules) in chains.items():
        yield name, (hook, *(one for rule in rules for one in told_before(name, rule)))


def told_before(chain: str, rule: str) -> Iterator[str]:
    """The rule, behind one that tells what it refuses; of a chain that refuses all, behind one in front."""
    words, _, verdict = rule.rpartition(" ")
    if chain in REFUSING and verdict == "drop" and not rule.startswith(UNKNOWN):
        yield f"{words} {JUMP}".strip()
    if chain == "refused" and rule.startswith("meta l4proto"):
        yield JUMP
    yield rule


def lower(logged: tuple[Logged, ...]) -> Iterator[Resource]:
    for one in logged:
        name = f"{LOGGED}{family(one.ip)}"
        yield DROPS.element(one.project, Origin(one.where, "firewall"), name, one.ip)
