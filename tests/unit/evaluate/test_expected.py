"""`expect:` holds for the shop as it is written, and each edit that makes one sentence false is refused, with
the sentence's place and that of the line which opens the way or lacks it."""

from pathlib import Path

import pytest

from reconciler.errors import ManifestErrors
from reconciler.manifest.yaml.report import report
from reconciler.mistakes import NoSuchName, Unmet, WrongValue
from reconciler.pipeline import decide_everywhere, load

SHOP = """\
name: shop
networks:
  front: {}
  back: {internal: true}
  other: {allow_networks: []}
services:
  web:
    networks: [front]
    ports: ["443:8443"]
    labels: {tier: face}
    egress: ["app:8080"]
    deploy: {replicas: 2}
  app:
    networks: [front, back]
    ingress: ["web:8080"]
    egress: ["db:5432"]
  db:
    networks: [back]
    ingress: ["app:5432"]
    egress: []
  free:
    networks: [other]
  admin:
    networks: [front]
    ports: [{target: 80, published: 8080, allow_from: [203.0.113.0/24]}]
"""
TRUE = [
    "outside reaches web:8443",
    "app reaches db:5432",
    "web reaches app:8080",
    "web does not reach db",
    "outside does not reach db",
    "outside does not reach app",
    "host does not reach db",
    "db does not reach outside",
    "db does not reach app",
    "web does not reach outside",
    "web does not reach host",
    "free reaches outside:443",
    "free reaches 192.0.2.77:443/udp",
    "web does not reach 192.0.2.77",
    "free reaches host:443",
    "free does not reach network/back",
    "label:tier=face does not reach db",
    "free does not reach app",
    "web does not reach web",
    "host reaches web:8443",
    "host reaches free/icmp",
    "outside does not reach web:80-8442",
    "outside does not reach web:22,9000-9010",
    "outside  does   not reach db:5432/tcp",
]
# What is edited, the sentence that is false from then on, and the line that is shown beside it.
EDITS = [
    ('ports: ["443:8443"]', 'ports: ["443:8444"]', "outside reaches web:8443", "web:"),
    ('"443:8443"', '"443:8443", "22:22"', "outside does not reach web:22,9000-9010", '"22:22"'),
    ('egress: ["db:5432"]', 'egress: ["db:5433"]', "app reaches db:5432", "db:5433"),
    ('ingress: ["app:5432"]', 'ingress: ["app:5433"]', "app reaches db:5432", "app:5433"),
    ('ingress: ["web:8080"]', 'ingress: ["web:8080", "host:80"]', "host does not reach app", "host:80"),
    (
        'egress: ["app:8080"]',
        'egress: ["app:8080", "outside:53/udp"]',
        "web does not reach outside",
        "outside:53",
    ),
    ('    ingress: ["app:5432"]\n', "", "host does not reach db", "back"),
    ("other: {allow_networks: []}", "other: {internal: true}", "free reaches outside:443", "other:"),
    ("networks: [other]", "networks: [other, front]", "free does not reach admin:22", "front:"),
    ("allow_networks: []", "allow_networks: [front]", "admin does not reach free", "other:"),
    ("{tier: face}", "{tier: face}\n    ingress: []", "outside reaches web:8443", "web:"),
]


def mistakes(tmp_path, text):
    file = tmp_path / "shop.yaml"
    file.write_text(text)
    try:
        decide_everywhere(load([file]))
    except ManifestErrors as error:
        return list(error.errors)
    return []


def expecting(*sentences):
    return "expect:\n" + "".join(f'  - "{one}"\n' for one in sentences)


def test_all_of_it_holds(tmp_path):
    assert mistakes(tmp_path, SHOP + expecting(*TRUE)) == []


@pytest.mark.parametrize("sentence", TRUE)
def test_the_contrary_does_not(tmp_path, sentence):
    """Where that can be said: what is reached has a port, and `web does not reach web` is of two."""
    contrary = (
        " ".join(sentence.split()).replace("does not reach", "reaches")
        if " not " in sentence
        else sentence.replace("reaches", "does not reach")
    )
    if contrary.endswith(("web", "db", "app", "outside", "host", "back", "front", "77")):
        contrary += ":5432"
    [found] = mistakes(tmp_path, SHOP + expecting(contrary))
    assert isinstance(found, Unmet) and found.exit_code == 65
    assert f"`{' '.join(contrary.split())}` is not so: " in found.message, found
    assert (found.where.line, found.where.path) == (SHOP.count("\n") + 2, "expect[0]")


@pytest.mark.parametrize("old, new, sentence, beside", EDITS)
def test_an_edit_that_breaks_a_sentence_is_refused(tmp_path, old, new, sentence, beside):
    assert SHOP.count(old) == 1
    assert mistakes(tmp_path, SHOP + expecting(sentence)) == []
    [found] = mistakes(tmp_path, SHOP.replace(old, new) + expecting(sentence))
    assert isinstance(found, Unmet), found
    told = report(found, lambda file: Path(file).read_text())
    assert "expect[0]" in told and (found.label or not beside), told
    if beside:
        assert beside in told.partition(":::")[2], told


def test_a_door_for_some_alone_is_for_neither(tmp_path):
    [some] = mistakes(tmp_path, SHOP + expecting("outside reaches admin:80"))
    assert (
        "outside reaches shop-admin-1:80/tcp for some alone" in some.message
        and some.label
        and some.label[0].path.startswith("services.admin")
    )
    [open_] = mistakes(tmp_path, SHOP + expecting("outside does not reach admin:80"))
    assert "outside reaches shop-admin-1:80/tcp" in open_.message


@pytest.mark.parametrize(
    "sentence, of, words",
    [
        ("web reach db:80", WrongValue, "'web reach db:80' says nothing that can be checked"),
        ("web reaches db", WrongValue, "what is reached has a port"),
        ("web reaches db/udp", WrongValue, "what is reached has a port"),
        ("web reaches db:0", WrongValue, "port 0 is out of range"),
        ("web reaches db:65536", WrongValue, "port 65536 is out of range"),
        ("web reaches db:80/xyz", WrongValue, "'xyz' is no protocol"),
        ("web reaches db:80/icmp", WrongValue, "icmp has no ports"),
        ("web:80 reaches db:80", WrongValue, "who asks has no ports"),
        ("10.0.0.1 reaches db:80", WrongValue, "is nobody here"),
        ("web reaches 10.0.0.0/8:80", WrongValue, "is many addresses"),
        ("webb reaches db:80", NoSuchName, "unknown service or container `webb`"),
        ("web reaches api.example.com:80", WrongValue, "api.example.com is a name of the outside, of which"),
        ("web does not reach *.example.com", WrongValue, "*.example.com is a name of the outside, of which"),
        ("web reaches label:tier=x:80", NoSuchName, "unknown label `tier=x`"),
        ("web reaches network/fron:80", NoSuchName, "unknown network `fron`"),
    ],
)
def test_what_cannot_be_expected(tmp_path, sentence, of, words):
    [found] = mistakes(tmp_path, SHOP + expecting(sentence))
    assert words in found.message and found.hint
    assert (found.where.line, found.where.column, found.where.path) == (SHOP.count("\n") + 2, 5, "expect[0]")
    assert isinstance(found, of) or of is WrongValue


def test_who_has_the_hosts_network_is_no_container_of_its_own(tmp_path):
    text = SHOP + "  own: {network_mode: host}\n" + expecting("own reaches db:80")
    [found] = mistakes(tmp_path, text)
    assert (found.message, found.hint) == ("own has no network of its own", "write host instead")


def test_why_is_told_of_the_network_that_both_are_on(tmp_path):
    """And not that another network of who is reached is internal."""
    text = SHOP + expecting("admin reaches app:8080")
    [found] = mistakes(tmp_path, text)
    assert "`ingress` of whom it is for does not list it" in found.message, found
    assert "ingress" in found.label[0].path


def test_a_hint_has_brackets_where_they_are_needed(tmp_path):
    [found] = mistakes(tmp_path, SHOP + expecting("web reaches 2001:db8::1"))
    assert "[2001:db8::1]:443" in found.hint


def test_it_is_a_list(tmp_path):
    [found] = mistakes(tmp_path, SHOP + "expect: web reaches db:80\n")
    assert found.message == "`expect` must be a list"
