"""addresses.lock, value by value: what no `--lock` has written is a mistake at its line."""

import pytest

LOCK = """\
# written by `reconcile --lock`
t_m @h1 10.1.0.2 fd00:1::2
t_m @subnet 10.1.0.0/24 fd00:1::/64
t_m @vni 4444
t_m t-a 10.1.0.9 fd00:1::9
t_r @h1 10.2.0.0/26
t_r @subnet 10.2.0.0/24
"""


def test_a_lock_in_order(desk):
    desk.write("compose.yaml", "networks: {n: }")
    desk.write("addresses.lock", LOCK)
    assert desk.load().lock == LOCK


@pytest.mark.parametrize(
    ("line", "value", "words"),
    [
        ("t_m t-b banana", "banana", "'banana' is no IP address"),
        ("t_m t-b 10.1.0.300", "10.1.0.300", "is no IP address"),
        ("t_m t-b 224.0.0.5", "224", "multicast: no machine has it"),
        ("t_m t-b ::ffff:10.1.0.5", "::ffff", "is an IPv4 address"),
        ("t_m t-b fd00:1::5%eth0", "fd00", "names an interface"),
        ("t_m t-b FD00:1::5", "FD00", "write fd00:1::5"),
        ("t_m t-b 10.1.0.0/28", "10.1", "is no IP address"),
        ("t_m t-b 10.2.0.5", "10.2", "10.2.0.5 of t-b is outside 10.1.0.0/24, fd00:1::/64"),
        ("t_m t-b 10.1.0.5 fd00:2::5", "fd00", "fd00:2::5 of t-b is outside"),
        ("t_r t-b fd00:2::5", "fd00", "fd00:2::5 of t-b is outside 10.2.0.0/24"),
        ("t_m t-b 10.1.0.5 10.1.0.6", "10.1.0.6", "t-b has 10.1.0.5 already"),
        ("t_r @h2 10.2.0.65/26", "10.2", "bits beyond its length"),
        ("t_r @h2 10.2.1.0/26", "10.2", "10.2.1.0/26 of @h2 is outside 10.2.0.0/24"),
        ("t_r @h2 10.2.0.0/23", "10.2", "is outside"),
        ("t_x @vni 0", "0", "no VNI"),
        ("t_x @vni 16777216", "16777216", "no VNI"),
        ("t_x @vni abc", "abc", "no VNI"),
        ("t_x @vni 7 8", "8", "@vni has 7 already"),
        ("t_x @subnet 10.3.0.0", "10.3", "no prefix length"),
        ("t_x @subnet 10.3.0.0/24 10.4.0.0/24", "10.4", "has 10.3.0.0/24 already"),
        ("t_x @subnet 224.0.0.0/24", "224", "multicast"),
        ("t_x @subnet nonsense", "nonsense", "is no subnet"),
        ("t_m t-b 10.1.0.9", "t_m", "10.1.0.9 stands twice"),
        ("t_m t-b", "t_m", "no line of a lock"),
    ],
)
def test_a_bad_value_is_a_mistake_at_its_line(desk, spot, line, value, words):
    desk.write("compose.yaml", "networks: {n: }")
    file = desk.write("addresses.lock", f"{LOCK}{line}\n")
    if "no line" in words:
        file.write_text(LOCK + line.rpartition(" ")[0])
    (error,) = desk.refused()
    assert (error.where.file, spot(error)) == (str(file), (8, line.index(value) + 1))
    assert words in f"{error.message} {error.hint}" and error.hint
