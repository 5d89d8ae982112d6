"""A document with one spelling for everything: each key that has two is brought to the first."""

from collections.abc import Mapping

from ..yaml.node import Node
from .merge import Shape, as_assignments, as_hosts, as_keys, as_list, as_path, as_paths, differ, shaped
from .mounts import (
    as_build,
    as_dependencies,
    as_devices,
    as_limits,
    as_mounts,
    as_source,
    as_sources,
    as_words,
    each,
)

PORT = {"allow_from": as_list, "hours": as_list}


def as_ports(node: Node) -> Node:
    return each(node, lambda one: shaped(one, PORT))


SERVICE = {
    "networks": as_keys,
    "depends_on": as_dependencies,
    "labels": as_assignments,
    "sysctls": as_assignments,
    "environment": as_assignments,
    "dns": as_list,
    "dns_search": as_list,
    "ports": as_ports,
    "extra_hosts": as_hosts,
    "annotations": as_assignments,
    "command": as_words,
    "entrypoint": as_words,
    "tmpfs": as_list,
    "devices": as_devices,
    "ulimits": as_limits,
    "secrets": as_sources,
    "configs": as_sources,
}


def canonical(document: Node, folder: str) -> Node:
    """A whole document with every key that has two spellings in one shape."""
    service = entries(
        {
            **SERVICE,
            "env_file": as_paths(folder),
            "volumes": as_mounts(folder),
            "build": as_build(folder),
            "rootfs": as_source(folder),
        }
    )
    networks = entries({"labels": as_assignments, "dns": as_list, "config": as_path(folder)}, external_name)
    hosts = entries({"labels": as_assignments})
    files = entries({"file": as_source(folder)})
    sections = {"services": service, "containers": service, "networks": networks, "hosts": hosts}
    mounted = {"volumes": entries({}, external_name), "secrets": files, "configs": files}
    return shaped(document, {**sections, **mounted})


def external_name(network: Node) -> Node:
    """`external: {name: X}`, which Compose has given up, is `external: true` and `name: X`."""
    external = network.get("external")
    if external is None or type(external.value) is not dict or differ(network, external, "name"):
        return network
    name = {"name": external.value["name"]} if "name" in external.value else {}
    children = {**network.value, **name, "external": Node(True, external.place, external.tag)}
    return Node(children, network.place, network.tag, network.keys)


def entries(shapes: Mapping[str, Shape], rest: Shape = lambda entry: entry) -> Shape:
    def shape(section: Node) -> Node:
        if type(section.value) is not dict:
            return section
        children = {name: rest(shaped(entry, shapes)) for name, entry in section.value.items()}
        return Node(children, section.place, section.tag, section.keys)

    return shape
