"""What other people's firewalls do to packets that ours lets through."""

from collections.abc import Iterator

from ..inventory.facts import Blocker
from .finding import Examination, Finding

IPTABLES = {"ip": "iptables", "ip6": "ip6tables"}
REASONS = {
    "forward": "what containers send out, or what comes to published ports, ends there: a drop is final",
    "input": "what containers ask of the host ends there, names first of all",
}


def foreign_chains(host: Examination) -> Iterator[Finding]:
    """Each that drops what containers say, or others to them."""
    for blocker in host.facts.blockers:
        if not blocker.passes:
            yield Finding(str(blocker), REASONS[blocker.hook], "\n".join(accepting(blocker)))


def accepting(blocker: Blocker) -> Iterator[str]:
    """What lets through what comes from our bridges, and what was led to a published port."""
    program, through = IPTABLES.get(blocker.family), blocker.hook == "forward"
    if program and blocker.table == "filter" and blocker.chain in ("FORWARD", "INPUT"):
        yield f"{program} -I {blocker.chain} -i br-+ -j ACCEPT"
        if through:
            yield f"{program} -I FORWARD -m conntrack --ctstate DNAT,RELATED,ESTABLISHED -j ACCEPT"
        return
    rule = f"nft 'insert rule {blocker.family} {blocker.table} {blocker.chain}"
    yield f'{rule} iifname "br-*" accept\''
    if through:
        yield f"{rule} ct status dnat accept'"
        yield f"{rule} ct state established,related accept'"


def bridged(host: Examination) -> Iterator[Finding]:
    """Whether what containers of one network say to one another passes the host's chains."""
    if host.facts.bridged:
        what = "br_netfilter shows what bridges forward to the chains of IP"
        why = (
            "containers of one network are judged by every firewall of this host, and each packet costs more"
        )
        names = ("iptables", "ip6tables")
        mend = "sysctl -w " + " ".join(f"net.bridge.bridge-nf-call-{name}=0" for name in names)
        yield Finding(what, why, mend)
