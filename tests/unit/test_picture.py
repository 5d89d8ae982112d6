"""Pictures: what is on them, that no text stands on another, and that no name is more than a name."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from reconciler.picture import FORMS
from reconciler.picture.arrows import arrows
from reconciler.picture.drawing import of_state
from reconciler.picture.fold import MOST, folded
from reconciler.picture.model import Alteration, Lane, Picture, PortLabel, Rail, Stop
from reconciler.picture.text import clipped, visible, width
from tests.golden import test_golden
from tests.unit import shops
from tests.unit.boxes import NS, boxes, outside, overlaps

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "reconciler" / "docs"
FIVE = shops.planned(shops.FIVE, shops.FIVE_AFTER)
SIZES = {30: shops.large(12, 3), 200: shops.large(86, 8)}
LARGE = {many: shops.planned(before, shops.edited(before)) for many, before in SIZES.items()}
HOSTILE = "</title></text>]]><script>alert(1)</script>\"'&<!--\\N\n\u202e\x00\x1b[2J`#;|[](){}%%"


POLICED: shops.Manifest = {
    "name": "shop",
    "networks": {"front": {"enable_ipv6": True}, "back": {"internal": True}},
    "services": {
        "web": {"networks": ["front"], "egress": ["app:8080", "db:5432"], "deploy": {"replicas": 2}},
        "app": {"networks": ["front"], "ingress": ["web:8000-8080"], "egress": ["db:5432", "outside:443"]},
        "db": {"networks": ["back"], "ingress": ["app:5432", "host:1"], "egress": []},
        "cron": {"networks": ["back"]},
        **{f"p{n}": {"networks": ["front"], "labels": {"x": "y"}} for n in range(20)},
    },
    "policies": {
        "p": {"for": ["label:x=y"], "egress": ["label:x=y"], "ingress": ["label:x=y", "network/front:1"]}
    },
}


def test_whom_policies_bind_and_whom_they_let_through():
    picture = shops.declared(POLICED)
    said = {one.label: one.policed for one in picture.lanes if not one.label.startswith("p")}
    assert said == {
        "web × 2": "egress 2",
        "app-1": "egress 2 · ingress 2",
        "db-1": "egress none · ingress 2",
        "cron-1": "",
    }
    assert lane(picture, "p0-1").policed == "egress 19 · ingress 20"
    told = shops.drawn("svg", picture)
    assert "may reach shop-app-1 at 8080/tcp" in told and "may be reached by host at 1/tcp" in told
    assert "may be reached by shop_front at 1/tcp" in told and "nobody else" in told
    assert not arrows(picture)  # two hundred of them
    few = {name: one for name, one in POLICED["services"].items() if not name.startswith("p")}
    picture = shops.declared({**POLICED, "services": few, "policies": {}})
    assert {*arrows(picture)} == {
        ("shop-web-1", "shop-app-1", "8080/tcp"),
        ("shop-app-1", "shop-db-1", "5432/tcp"),
        ("shop-app-1", "outside", "443/tcp"),
        ("host", "shop-db-1", "1/tcp"),
    }
    assert '[dir=forward style=bold constraint=false label="8080/tcp"]' in shops.drawn("dot", picture)
    assert '==>|"443/tcp"| p0' in shops.drawn("mermaid", picture)


def lane(picture: Picture, label: str) -> Lane:
    return next(one for one in picture.lanes if one.label == label)


@pytest.mark.parametrize(
    ("form", "file"),
    [
        ("svg", DOCS / "plan.svg"),  # which is in the README
        ("mermaid", HERE / "pictures/five.mmd"),
        ("dot", HERE / "pictures/five.dot"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_five_containers(form, file, update_golden):
    text = shops.drawn(form, FIVE)
    if update_golden:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


def test_a_plan_tells_what_comes_goes_and_moves_and_what_it_cuts():
    told = {one.label: (one.op, one.alteration.cost) for one in FIVE.lanes}
    assert told == {
        "mail-1": ("+", "none"),
        "web-1": ("~", "flow"),
        "api-1": ("~", "link"),
        "db-1": ("~", "link"),
        "cron-1": ("-", "recreate"),
    }
    assert {one.label: one.op for one in FIVE.rails} == {"front": "", "back": "", "audit": "+", "logs": "-"}
    assert [(s.network, s.op) for s in lane(FIVE, "api-1").stops] == [
        ("shop_front", "+"),
        ("shop_logs", "-"),
        ("shop_back", ""),
    ]
    assert [port.text for port in lane(FIVE, "web-1").ports] == ["+443/tcp → 8443", "8080/tcp → 80"]


def test_who_is_bound_by_policies_says_so_where_somebody_points(monkeypatch):
    monkeypatch.chdir(test_golden.ROOT)
    drawn = of_state(test_golden.change("manifests/policies").desired, "", None)
    bound = {one.label: [note.rpartition(" ")[2] for note in one.notes] for one in drawn.lanes}
    assert bound == {
        "web-1": ["(egress)"],
        "app-1": ["(ingress)", "(egress)"],
        "db-1": ["(ingress)", "(egress)"],
    }


def test_an_entry_leads_to_the_network_of_the_address_that_it_leads_to():
    ports = lane(FIVE, "web-1").ports
    assert {port.network for port in ports} == {"shop_front"} and FIVE.rails[0].name == "shop_front"


def test_what_is_declared_has_no_signs():
    picture = shops.declared(shops.FIVE)
    assert picture.counts == () and {one.op for one in picture.lanes} == {""}
    assert [one.label for one in picture.rails] == ["front", "logs", "back"]
    assert [one.internal for one in picture.rails] == [False, False, True]
    every: list[Lane | Rail] = [*picture.lanes, *picture.rails]
    assert {one.where.partition(":")[0] for one in every} == {"shop.yaml"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", test_golden.CASES)
def test_every_example_can_be_drawn(case, form, monkeypatch):
    monkeypatch.chdir(test_golden.ROOT)
    found = test_golden.change(case)
    picture = of_state(found.desired, "as declared", None)
    assert {lane.name for lane in picture.lanes for lane in lane.every} == {
        one.name for one in found.topology.sandboxes
    }
    names = {one.bridge if one.external else one.name for one in found.topology.networks if one.endpoints}
    assert names <= {rail.name for rail in picture.rails}
    text = shops.drawn(form, picture)
    assert all(rail.label in text for rail in picture.rails)
    if form == "svg":
        assert overlaps(boxes(text)[1]) == []


@pytest.mark.parametrize("many", [5, *LARGE])
def test_no_text_stands_on_another_one_or_beside_the_sheet(many):
    sheet, texts = boxes(shops.drawn("svg", LARGE.get(many, FIVE)))
    assert len(texts) > 20 and overlaps(texts) == [] and outside(sheet, texts) == []


@pytest.mark.parametrize(
    ("many", "lanes", "wide", "high", "size"), [(30, 24, 1000, 900, 40_000), (200, MOST, 1600, 1300, 60_000)]
)
def test_many_containers_stay_one_page(many, lanes, wide, high, size):
    text = shops.drawn("svg", LARGE[many])
    root = fromstring(text)
    assert len(root.findall(f"{NS}g[@class='lane']")) == len(LARGE[many].lanes) <= lanes
    assert float(root.attrib["width"]) <= wide and float(root.attrib["height"]) <= high
    assert len(text) <= size and len(shops.drawn("html", LARGE[many])) <= size + 12_000
    every = sum(len(one.every) for one in LARGE[many].lanes)
    assert f"{every} containers" in LARGE[many].subtitle and abs(every - many) < 20


def test_replicas_are_one_lane_with_their_ports_and_who_changes_is_not_among_them():
    picture = LARGE[30]
    assert lane(picture, "job6 × 4").aside == "1–4" and len(lane(picture, "job6 × 4").members) == 4
    assert [(one.op, one.aside) for one in picture.lanes if one.label.startswith("cron4")] == [
        ("", ""),
        ("+", "2–6"),
    ]
    web = [
        Lane(name=f"s-web-{n}", project="s", label=f"web-{n}", ports=(PortLabel(f"808{n}/tcp", "80", "n"),))
        for n in range(1, 4)
    ]
    assert [port.door for port in folded(web)[0].ports] == ["8081-8083/tcp"]


def test_above_forty_what_is_unchanged_is_folded_first():
    def row(number: int, op: str = "") -> Lane:
        stops = (Stop("n"),)
        return Lane(
            name=f"c{number}x", project="s", label=f"c{number}x", stops=stops, alteration=Alteration(op)
        )

    assert len(folded([row(n) for n in range(MOST)])) == MOST
    found = folded([*(row(n) for n in range(MOST)), row(99, "~")])
    assert [one.label for one in found] == [f"{MOST} containers", "c99x"]
    assert [one.label for one in folded([row(n, "+") for n in range(MOST + 1)])] == [f"{MOST + 1} containers"]


def test_several_projects_have_their_whole_names_and_a_heading_each():
    one = shops.state(shops.FIVE)[1]
    two = shops.state({**shops.FIVE, "name": "other"})[1]
    picture = of_state({**one, **two}, "", None)
    text = shops.drawn("svg", picture)
    assert picture.projects == ("other", "shop") and picture.title == "other, shop"
    assert {"shop_front", "other_front"} <= {rail.label for rail in picture.rails}
    assert text.count('class="section"') == 2 and overlaps(boxes(text)[1]) == []
    assert of_state({**one, **two}, "", frozenset({"shop"})).projects == ("shop",)


def test_it_is_read_without_colours():
    """A sign in the name, a shape in the stop, dashes for what goes, and dots for what is internal."""
    text = shops.drawn("svg", FIVE)
    assert all(f">{sign} {name}<" in text for sign, name in (("+", "mail-1"), ("~", "web-1")))
    assert '>− <tspan text-decoration="line-through">cron-1</tspan>' in text
    assert text.count('stroke-dasharray="5 4"') == 1 and text.count('stroke-dasharray="0.1 10"') == 2
    for cut in ("cuts: flow", "cuts: link", "cuts: recreate", "dotted: internal", "+2 new", "−2 removed"):
        assert f">{cut}" in text


def test_an_svg_needs_nothing_that_programs_may_lack():
    text = shops.drawn("svg", FIVE)
    assert not re.search(r"var\(|<style|<script|href|foreignObject|@import|url\(", text)
    assert set(re.findall(r"(?:fill|stroke)=\"([^\"]+)\"", text)) <= {
        "none",
        *re.findall("#[0-9a-f]{6}", text),
    }
    assert re.findall("https?:", text) == ["http:"]  # its namespace


class Tags(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.found: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)
        self.links += [name for name, _ in attrs if name in ("href", "src") or name.startswith("on")]


def hostile() -> Picture:
    stops = (Stop("n", HOSTILE, (HOSTILE,), "+"),)
    ports = (PortLabel(HOSTILE, HOSTILE, "n", "-"),)
    told = Alteration("-", "link", HOSTILE)
    one = Lane(
        name=HOSTILE,
        project=HOSTILE,
        label=HOSTILE,
        stops=stops,
        ports=ports,
        where=HOSTILE,
        notes=(HOSTILE,),
        alteration=told,
    )
    rail = Rail(name="n", project=HOSTILE, label=HOSTILE, subnets=(HOSTILE,), alteration=told)
    quiet = replace(one, project="s", alteration=Alteration())
    return Picture(title=HOSTILE, subtitle=HOSTILE, rails=(rail,), lanes=(one, quiet))


def test_a_hostile_name_is_text_everywhere():
    svg, page = (shops.drawn(form, hostile()) for form in ("svg", "html"))
    assert {element.tag.removeprefix(NS) for element in fromstring(svg).iter()} <= {
        "svg", "title", "rect", "g", "path", "text", "tspan", "circle"
    }  # fmt: skip
    tags = Tags(page)
    assert tags.found.count("script") == 1 and tags.links == []
    for text in (svg, page, shops.drawn("dot", hostile()), shops.drawn("mermaid", hostile())):
        assert not {"\x00", "\x1b", "\u202e"} & {*text}
    assert overlaps(boxes(svg)[1]) == [] and outside(*boxes(svg)) == []


def test_a_hostile_name_ends_no_string_of_dot():
    for row in shops.drawn("dot", hostile()).splitlines():
        assert len(re.findall(r'(?<!\\)(?:\\\\)*"', row)) % 2 == 0, row
    assert "\\\\N" in shops.drawn("dot", hostile())


def test_a_hostile_name_is_no_mermaid():
    head, _, text = shops.drawn("mermaid", hostile()).partition("---\nflowchart LR\n")
    assert json.loads(head.removeprefix("---\ntitle: ").strip())
    inner = re.findall(r'"([^"]*)"', text)
    assert len(inner) > 3 and all(
        re.fullmatch(r"(?:[^\"<`|\[\]{};#]|#\d+;|<br/>)*", words) for words in inner
    )


def test_a_page_allows_itself_one_script_and_asks_for_nothing():
    text = shops.drawn("html", FIVE)
    assert "default-src &#x27;none&#x27;" in text and "prefers-color-scheme: dark" in text
    assert Tags(text).links == [] and re.findall(r"https?://\S+", text) == ['http://www.w3.org/2000/svg"']


def test_what_is_too_long_is_cut_at_its_end_and_whole_for_who_points_at_it():
    name = "a-name-that-nobody-wanted-to-type-more-than-once"
    text = shops.drawn("svg", of_state(shops.state({"name": "s", "services": {name: {}}})[1], "", None))
    assert f"<title>s-{name}-1 of project s" in text and f">{name}" not in text and "…" in text
    assert width(clipped("W" * 99, 100, 13), 13) <= 100 and clipped("ok", 100, 13) == "ok"
    assert visible("a\nb\t\u200b") == "a\ufffdb\ufffd\ufffd"
