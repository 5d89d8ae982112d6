"""What somebody may have changed at a port of a bridge, so that something passes no more, in the words of
`bridge link`: one text for all that is amiss."""

STATE, FORWARDING = "state", "forwarding"
STATES = ("disabled", "listening", "learning", FORWARDING, "blocking")  # BR_STATE_* (linux/if_bridge.h)
USUAL = {
    "guard": "off", "proxy_arp": "off", "mcast_flood": "on", "bcast_flood": "on", "neigh_suppress": "off",
    "locked": "off", STATE: FORWARDING,
}  # fmt: skip
OTHERWISE = {"on": "off", "off": "on"}


def undone(amiss: str) -> dict[str, str]:
    """What each setting in such a text has to be."""
    names = (one.partition(" ")[0] for one in amiss.split(", ") if one)
    return {name: USUAL[name] for name in names}


def undoing(link: str, amiss: str) -> list[str]:
    """The command for that, which takes states by number."""
    number = {FORWARDING: str(STATES.index(FORWARDING))}
    port = " ".join(f"{name} {number.get(word, word)}" for name, word in undone(amiss).items())
    return [f"ip link set dev {link} type bridge_slave {port}"] if amiss else []
