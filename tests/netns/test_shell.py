"""`-o shell` says all of a plan: run in an empty world, it leaves nothing to do but what its header names."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.kinds.ownership import HOST
from tests.golden.test_golden import CASES
from tests.netns.lab import Lab

LINKS = ("eth0", "eth1", "eth2")  # that manifests name as parents
FRR = "FRR's own programs start it, in folders that are the machine's"
NO_SHELL = {
    "cni/chains": "what CNI plugins have made is kept in records",
    "remote/plugin": "its plugin makes it",
    "manifests/evpn": FRR,
    "overlay/mesh": FRR,
}
KEY = re.compile(r"(?<=public_key: )V1rZ[^}\s]+")  # of encrypted.yaml's first host
LIMIT = "max_learned 0 -> 8192"


def world(lab: Lab, host: dict[str, Any]) -> None:
    """The links that manifests stand on, and the addresses by which other hosts know this one."""
    lab.ip("link add br0 type bridge\nlink set br0 up")
    for name in LINKS:
        lab.ip(f"link add {name} type veth peer name {name}-lan\nlink set {name} up\nlink set {name}-lan up")
    for ip in (host[key] for key in ("address", "address6") if key in host):
        lab.ip(f"addr add {ip}/64 dev uplink nodad" if ":" in ip else f"addr add {ip}/24 dev uplink")


def settled(lab: Lab, text: str, name: str, hosts: dict[str, Any]) -> Path:
    """The manifest with this host's key, and its lock where it has several hosts."""
    if KEY.search(text):
        said = lab.reconcile("--key", "--host", name).out.split()
        text = KEY.sub(said[-1], text) if said else text
    file = lab.write(text)
    if hosts:
        lab.reconcile("--lock", "--host", name, file)
    return file


def is_left_out(lab: Lab, step: dict[str, Any]) -> bool:
    """Whether an old `ip` has no word for it: the limit of a bridge, or the mark of an address there."""
    wanted = step["after"]
    if step["kind"] != "address":
        return step["because"] == LIMIT
    ns = "" if wanted["ns"] == HOST else wanted["ns"]
    return bool(lab.run(f"ip -o address show dev {wanted['link']} to {wanted['ip']}", ns).out)


@pytest.mark.parametrize("case", CASES)
def test_a_script_leaves_nothing_to_do(lab, case):
    if case in NO_SHELL:
        pytest.skip(f"no shell can: {NO_SHELL[case]}")
    text = CASES[case].read_text()
    hosts = yaml.safe_load(text).get("hosts", {})
    name = "host" if "host" in hosts else next(iter(hosts), "host")
    world(lab, hosts.get(name, {}))
    words = ("--host", name, settled(lab, text, name, hosts), "-o")
    plan = lab.reconcile("--plan", *words, "shell")
    if plan.rc == 69:
        pytest.skip(plan.err.splitlines()[0])
    lab.run(["sh"], input=lab.succeed(plan).out)
    planned = lab.succeed(lab.reconcile("--plan", *words, "json"))
    new, rest = set(planned.err.splitlines()) - set(plan.err.splitlines()), planned.json["steps"]
    assert not [line for line in new if "the host's address" in line], "what is ours is not the host's"
    if "fdb_max_learned" not in lab.run("ip link help bridge", check=False).err:
        rest = [step for step in rest if not is_left_out(lab, step)]
        lab.succeed(lab.reconcile("--apply", *words, "json"))
        rest += lab.reconcile("--plan", *words, "json").json["steps"]
    assert [f"{step['op']} {step['key']}" for step in rest] == []
