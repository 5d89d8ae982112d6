"""The router guard: what would be forwarded between links of others, and how a host says that it routes."""

from tests.netns.lab import HOST4, HOST6, IMPATIENCE, REMOTE4, REMOTE6, Lab

STACK = (
    "name: t\nnetworks: {lan: {enable_ipv6: true}}\nservices: {web: {networks: [lan], ports: ['8080:80']}}\n"
)
OTHER = "{name: u, services: {web: {ports: ['8081:80']}}}"


def crossing(lab: Lab, patience: float) -> list[bool]:
    """Whether R reaches V, by the host that is between them; with a few attempts where that matters."""
    attempts = 5 if patience > 1 else 1
    there = ("203.0.113.2", "2001:db8:2::2")
    return [any(lab.ping("R", address, patience) for _ in range(attempts)) for address in there]


def test_a_host_becomes_a_router_under_running_containers(lab: Lab) -> None:
    lab.apply(STACK)
    assert "router guard" not in lab.plan(STACK).err  # with one link there is nothing to forward between
    lab.add_outside(
        "V", "vpn", {4: "203.0.113.1/24", 6: "2001:db8:2::1/64"}, {4: "203.0.113.2/24", 6: "2001:db8:2::2/64"}
    )
    lab.ip("route add default via 203.0.113.1\nroute add default via 2001:db8:2::1 dev eth0", "V")
    lab.ip(f"route add 203.0.113.0/24 via {HOST4}\nroute add 2001:db8:2::/64 via {HOST6} dev eth0", "R")
    for address in (REMOTE4, REMOTE6, "203.0.113.2", "2001:db8:2::2"):
        assert any(lab.ping("", address) for _ in range(5))  # neighbours know each other
    assert crossing(lab, IMPATIENCE) == [False, False]
    told = lab.plan(STACK)
    assert "router guard: IPv4 and IPv6 packets between links that are not ours (uplink, vpn)" in told.err
    assert "router guard: no IPv4 and IPv6 packets" in lab.reconcile("--status").out

    router = f"{STACK}router: true\n"
    ours = lab.link("eth0", "t-web-1")["ifindex"], lab.address("t-web-1")
    result = lab.apply(router)
    assert crossing(lab, 2) == [True, True] and "router guard" not in result.err
    assert ours == (lab.link("eth0", "t-web-1")["ifindex"], lab.address("t-web-1"))
    assert lab.planned(router) == [] and "router guard" not in lab.reconcile("--status").out
    lab.serve("t-web-1", 80)
    assert lab.ask("R", HOST4, 8080) == f"t-web-1 {REMOTE4}"

    lab.succeed(lab.reconcile("--apply", lab.write(OTHER, "u.yaml")))  # of which nobody has said it
    assert crossing(lab, 2) == [True, True]
