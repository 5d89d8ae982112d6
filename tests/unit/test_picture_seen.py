"""Pictures as programs draw them that people have: librsvg, Graphviz, and a browser, in which somebody points
and types.  PICTURES=FOLDER keeps what was seen there."""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.picture.story import MOST
from tests.browser import NEEDED, Page, browser
from tests.unit import shops
from tests.unit.test_picture import FIVE, LARGE, hostile

RSVG = pytest.mark.skipif(
    not shutil.which("rsvg-convert"), reason="no rsvg-convert here: it is in Debian's package librsvg2-bin"
)
GRAPHVIZ = pytest.mark.skipif(
    not shutil.which("dot"), reason="no dot here: it is in Debian's package graphviz"
)
DECLARED = {5: shops.declared(shops.FIVE_AFTER), 30: LARGE[30], 200: LARGE[200]}
# Of texts that stand upright: those that overlap, as the browser has drawn them.
CROWDED = """
(() => {
  const those = [...document.querySelectorAll("svg text")].filter(one => !one.closest("[transform*=rotate]"));
  const boxes = those.map(one => one.getBoundingClientRect()), found = [];
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b, j) => {
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (wide > 0 && high > 2) found.push(those[i].textContent + " / " + those[i + j + 1].textContent);
  }));
  return found;
})()
"""
LANES = '[...document.querySelectorAll(".lane")]'
SHOWN = f'{LANES}.filter(one => one.style.display !== "none").map(one => one.querySelectorAll("text"))'


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as one:
        yield one


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where what was seen is left."""
    folder = Path(os.environ.get("PICTURES", tmp_path))
    folder.mkdir(exist_ok=True)
    return folder


def middle(page: Page, selector: str) -> tuple[float, float]:
    where = f"const b = {selector}.getBoundingClientRect()"
    box = page.value(f"(() => {{ {where}; return [b.x + b.width / 2, b.y + b.height / 2] }})()")
    return box[0], box[1]


@RSVG
@pytest.mark.parametrize("many", [5, 30, 200, "hostile"])
def test_librsvg_draws_it_in_its_size_and_in_colours(many, kept):
    picture = {5: FIVE, "hostile": hostile(), **LARGE}[many]
    source, png = kept / f"{many}.svg", kept / f"{many}-rsvg.png"
    source.write_text(shops.drawn("svg", picture))
    said = subprocess.run(
        ["rsvg-convert", "-o", png, source], capture_output=True, text=True, check=True, timeout=60
    )
    data = png.read_bytes()
    wide, high = struct.unpack(">II", data[16:24])
    assert f'width="{wide}" height="{high}"' in source.read_text() and said.stderr == ""
    assert len(data) > 3_000


@GRAPHVIZ
@pytest.mark.parametrize("many", [5, 30, "hostile"])
def test_graphviz_draws_it(many):
    picture = {5: FIVE, "hostile": hostile(), **LARGE}[many]
    text = shops.drawn("dot", picture)
    said = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.count('class="node"') == len(picture.lanes) + len(picture.rails) + 1  # the host


@NEEDED
@pytest.mark.parametrize("many", [5, 30, 200])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_shows_it_and_asks_for_nothing(page, many, dark, kept):
    file = kept / f"{many}.html"
    file.write_text(shops.drawn("html", {5: FIVE, **LARGE}[many]))
    page.requests.clear()
    page.complaints.clear()
    page.open(file, 1500, 1100, dark=dark)
    assert page.requests in ([], [file.as_uri()]) and page.complaints == []
    assert page.value(CROWDED) == []
    assert page.value("getComputedStyle(document.body).backgroundColor") == (
        "rgb(11, 18, 32)" if dark else "rgb(255, 255, 255)"
    )
    page.photograph(kept / f"{many}-{'dark' if dark else 'light'}.png")


@NEEDED
def test_pointing_at_a_lane_tells_address_line_and_what_becomes_of_it(page, kept):
    file = kept / "pointed.html"
    file.write_text(shops.drawn("html", FIVE))
    page.open(file, 1100, 700)
    page.point(*middle(page, f'{LANES}[1].querySelector(".band")'))
    told = page.value('document.getElementById("card").innerText')
    assert told.startswith("shop-web-1 of project shop\n~ ") and "cuts: flow" in told
    assert "shop_front: eth1 172.19.94.15" in told.replace("eth0", "eth1") and "written: shop.yaml:" in told
    page.photograph(kept / "pointed.png")
    page.point(*middle(page, 'document.querySelectorAll(".rail text")[2]'))
    assert "network shop_" in page.value('document.getElementById("card").innerText')
    page.point(1090, 690)
    assert page.value('document.getElementById("card").hidden')


@NEEDED
def test_the_keyboard_reaches_all_that_a_pointer_does(page, kept):
    file = kept / "keys.html"
    file.write_text(shops.drawn("html", FIVE))
    page.open(file, 1100, 700)
    page.value(f"{LANES}[0].focus({{focusVisible: true}})")
    assert page.value('document.getElementById("card").innerText').startswith("shop-mail-1 of project shop")
    page.press("/")
    assert page.value("document.activeElement.tagName") == "INPUT"


@NEEDED
def test_a_filter_shows_lanes_by_name_network_address_and_port(page, kept):
    file = kept / "filtered.html"
    file.write_text(shops.drawn("html", LARGE[200]))
    page.open(file, 1500, 1100)
    every = page.value(f"{SHOWN}.length")

    def filtered(words: str) -> int:
        page.value('document.querySelector("input").focus()')
        page.value('document.querySelector("input").value = ""')
        page.type(words)
        return int(page.value(f"{SHOWN}.length"))

    assert every == len(LARGE[200].lanes) and filtered("no such thing") == 0
    folded = max(LARGE[200].lanes, key=lambda one: len(one.members))
    assert len(folded.members) > MOST and filtered(folded.members[-1].name.upper()) == 1
    assert filtered("9021/tcp") == 1 and filtered("team7") == 1 and filtered("172.19.89.207") == 1
    assert 1 < filtered("queue 172.") < every
    assert page.value(CROWDED) == []
    page.photograph(kept / "filtered.png")
    page.press("Escape")
    assert page.value(f"{SHOWN}.length") == every


@NEEDED
def test_text_can_be_selected_and_a_hostile_name_runs_nothing(page, kept):
    file = kept / "hostile.html"
    file.write_text(shops.drawn("html", hostile()))
    page.complaints.clear()
    page.open(file, 1500, 700)
    assert page.complaints == [] and page.value("document.scripts.length") == 1
    assert "<script>alert(1)</script>" in page.value("document.querySelector('.lane').textContent")
    page.value(f"getSelection().selectAllChildren({LANES}[0])")
    assert "script" in page.value("getSelection().toString()")
