"""A link for whoever takes it: what becomes of the pair, and what is not ours wherever its end goes."""

from tests.netns.lab import HOST4, Lab
from tests.netns.watching import until, watching

MANIFEST = """
name: t
networks: {n: {enable_ipv6: true}}
containers:
  a: {attach: {link: vd0}, networks: {n: {aliases: [db]}}, ports: ["8080:80"]}
  b: {networks: [n]}
"""


def taken(lab: Lab, ns: str = "theirs", link: str = "vd0") -> None:
    """As Docker does: the end goes where it is wanted, is called otherwise, and has its addresses there."""
    told = lab.reconcile("--show", lab.files / "t.yaml", "-o", "json").json
    [end] = [end for end in told["networks"][0]["endpoints"] if end["sandbox"] == "t-a"]
    gateways = told["networks"][0]["subnets"]
    lab.run(f"ip link set {link} netns {ns} name eth0")
    for one in end["addresses"]:
        lab.run(f"ip -n {ns} addr add {one} dev eth0" + " nodad" * (":" in one))
    lab.run(f"ip -n {ns} link set eth0 up")
    lab.run(f"ip -n {ns} route add default via {gateways[0]['gateway']}")


def test_its_end_is_somebody_elses_wherever_it_goes(lab: Lab) -> None:
    lab.apply(MANIFEST)
    assert lab.planned(MANIFEST) == [] and lab.namespaces() == ["t-b"]
    assert not lab.link("vd0")["flags"].count("UP") and not lab.link("vd0").get("ifalias")
    lab.run("ip netns add theirs")
    taken(lab)
    assert lab.planned(MANIFEST) == []
    lab.serve("theirs", 80, name="a")
    assert lab.ask("R", HOST4, 8080) == "a 198.51.100.2"
    assert lab.address("theirs") in lab.run("busybox nslookup db 127.0.0.11", "t-b").out
    assert lab.ping("theirs", lab.address("t-b")) and lab.ping("theirs", lab.address("t-b", family=6))
    lab.ip("addr add 10.99.0.1/24 dev eth0\nlink set eth0 mtu 1300", "theirs")
    assert lab.planned(MANIFEST) == []
    assert not [step for step in lab.planned("{name: u, networks: {m: {}}}") if "t-a" in step]
    lab.write(MANIFEST)
    lab.destroy()
    assert "eth0" not in lab.run("ip link", "theirs").out
    lab.run("ip netns del theirs")


def test_its_end_on_the_host_is_kept_without_it(lab: Lab) -> None:
    lab.apply(MANIFEST)
    lab.run("ip netns add theirs")
    taken(lab)
    [end] = [name for name in lab.links() if name.startswith("ve") and "t-a" in lab.link(name)["ifalias"]]
    inner = lab.link("eth0", "theirs")["ifindex"]
    for words in (f"link set {end} alias other", f"link set {end} nomaster", f"link set {end} mtu 1400"):
        lab.run(f"ip {words}")
        assert lab.planned(MANIFEST) == ["update link t-a/vd0"], words
        lab.apply(MANIFEST)
        assert lab.planned(MANIFEST) == [] and lab.link("eth0", "theirs")["ifindex"] == inner
    with watching(lab, lab.write(MANIFEST)) as watcher:
        watcher.settled()
        lab.run("ip netns del theirs")
        until(lambda: "vd0" in lab.links())
        watcher.synced()
        assert lab.planned(MANIFEST) == []
    without = MANIFEST.replace("  a: {attach", "  c: {attach").replace("vd0", "vd1")
    lab.apply(without)
    assert "vd0" not in lab.links() and lab.link("vd1")


def test_a_link_has_one_name(lab: Lab) -> None:
    two = MANIFEST.replace("  b: {networks", "  c: {attach: {link: vd0}, networks: [n]}\n  b: {networks")
    refused = lab.refused(two, "both be the link vd0", "let `attach:` name another link")
    assert "t.yaml:6:" in refused.err or "t.yaml:5:" in refused.err
    lab.refused(MANIFEST.replace("vd0", "uplink"), "the host has a link uplink that is not ours")
    lab.apply(MANIFEST)
    lab.refused(MANIFEST.replace("name: t", "name: u"), "the link vd0 is project t's")
    assert lab.planned(MANIFEST) == []
    lab.run("ip netns add theirs")
    taken(lab)
    lab.run("ip link add vd0 type bridge")  # of somebody who does not know of it
    assert lab.planned(MANIFEST) == []
    lab.run("ip link del vd0")


def test_what_is_not_ours_to_set_is_refused(lab: Lab) -> None:
    for text, words in (
        ("link: no/link}, networks: [n]", "no link can be called so"),
        ("link: vd0, pid: 7}, networks: [n]", "attached to one thing"),
        ("link: vd0}, networks: [n, m]", "a link leads to one network"),
        ("link: vd0}, networks: {n: {interface_name: x}}", "`interface_name` is not ours to set"),
        ("link: vd0}, networks: [n], sysctls: {net.ipv4.ip_forward: 1}", "the namespace is another's"),
        ("link: vd0}, networks: [l]", "no bridge to hand a link over from"),
    ):
        lan = (
            "l: {driver: macvlan, driver_opts: {parent: uplink}, ipam: {config: [{subnet: 198.51.100.0/24}]}}"
        )
        manifest = (
            f"{{name: t, networks: {{n: {{}}, m: {{}}, {lan}}}, containers: {{a: {{attach: {{{text}}}}}}}"
        )
        lab.refused(manifest, words)
