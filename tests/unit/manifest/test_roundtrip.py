"""What was written comes out as it was meant: ports, scalars, variables, merging, in any order."""

import json

from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifest.compose import dotenv
from reconciler.manifest.compose.interpolate import Variables, substitute
from reconciler.manifest.compose.merge import merged
from reconciler.manifest.yaml import parse
from reconciler.manifest.yaml.node import Mistakes, Node, Place, raw
from reconciler.pipeline import load

HERE = Place("a.yaml", 1, 1)
printable = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff\u2028\u2029"), max_size=20
)
names = st.sampled_from(["a", "b", "ports", "x-y", "0"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | printable,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(printable, below, max_size=3),
    max_leaves=6,
)
variables = st.sampled_from(["A", "_b", "LONG_NAME_2"])
protocols = st.sampled_from(["tcp", "udp", "sctp"])


def parsed(text):
    mistakes = Mistakes()
    (document,) = parse.parse(text, "a.yaml", mistakes)
    assert not mistakes
    return document


@given(values)
def test_json_is_yaml(value):
    assert raw(parsed(json.dumps(value, ensure_ascii=False))) == value


@st.composite
def ports(draw):
    """A port and its short spelling."""
    size = draw(st.integers(0, 20))
    target = draw(st.integers(1, 65535 - size))
    host = draw(st.none() | st.integers(1, 65535 - size))
    ip = draw(st.sampled_from(["", "127.0.0.1", "[::1]", "0.0.0.0"])) if host else ""
    protocol = draw(protocols)
    text = f"{ip}:{span(host, size)}:" if ip else f"{span(host, size)}:" if host else ""
    expected = (target, target + size), host and (host, host + size), ip.strip("[]"), protocol
    return f"{text}{span(target, size)}/{protocol}", expected


def span(first, size):
    return f"{first}-{first + size}" if size else str(first)


def one_port(entry):
    text = json.dumps({"name": "p", "services": {"web": {"ports": [entry]}}})
    return load(["-"], environ={}, stdin=text).projects[0].containers[0].ports[0]


@given(ports())
def test_short_ports(port):
    text, expected = port
    found = one_port(text)
    assert (found.target, found.published, found.host_ip, found.protocol) == expected


@given(ports())
def test_long_ports_mean_the_same(port):
    text, ((first, last), published, ip, protocol) = port
    entry = {"target": f"{first}-{last}", "host_ip": ip, "protocol": protocol}
    if published:
        entry["published"] = "{}-{}".format(*published)
    assert one_port(entry) == one_port(text)


@given(printable)
def test_a_doubled_dollar_is_a_dollar(text):
    assert substitute(text.replace("$", "$$"), Variables({})) == text


@given(printable, variables)
def test_a_variable_is_its_value(value, name):
    variables = Variables({name: value})
    assert substitute(f"<${{{name}}}>", variables) == f"<{value}>"
    assert substitute(f"${{{name}-x}}", variables) == value


@given(st.dictionaries(variables, printable, max_size=5))
def test_quoted_env_files(variables):
    text = "".join(
        f"{name}='{value.replace(chr(39), chr(92) + chr(39))}'\n" for name, value in variables.items()
    )
    if not any("\\" in value for value in variables.values()):
        assert dotenv.parse(text, {}) == variables


def node(value):
    match value:
        case dict():
            return Node({key: node(child) for key, child in value.items()}, HERE)
        case list():
            return Node([node(child) for child in value], HERE)
    return Node(value, HERE)


mappings = st.dictionaries(names, values, max_size=3)


@given(mappings)
def test_merging_with_nothing_changes_nothing(value):
    assert raw(merged(node(value), node({}))) == value
    assert raw(merged(node({}), node(value))) == value


@given(mappings, mappings, mappings)
def test_the_last_scalar_wins_and_no_key_is_lost(one, two, three):
    both = raw(merged(merged(node(one), node(two)), node(three)))
    assert both.keys() == one.keys() | two.keys() | three.keys()
    for key, value in three.items():
        if isinstance(value, str | int | bool):
            assert both[key] == value


@given(st.permutations(["services", "networks", "name", "x-y", "containers"]), st.permutations(list("abc")))
def test_the_order_of_keys_never_shows(sections, keys):
    parts = {
        "services": {key: {"image": key} for key in keys},
        "networks": {key: {} for key in keys},
        "containers": {f"c{key}": {"networks": keys} for key in keys},
        "name": "p",
        "x-y": 1,
    }
    text = json.dumps({section: parts[section] for section in sections})
    (project,) = load(["-"], environ={}, stdin=text).projects
    assert {c.name for c in project.containers} == {*"abc", "ca", "cb", "cc"}
    assert all([e.network for e in c.networks] in ([], ["a", "b", "c"]) for c in project.containers)
