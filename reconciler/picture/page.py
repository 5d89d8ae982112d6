"""A picture as one page of HTML that asks for nothing: stories on pointing, a filter, light and dark."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256

from . import colours, svg
from .model import Picture
from .text import xml

STYLE = """
:root { color-scheme: light dark }
body { margin: 0; font: 14px/1.45 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
header { position: sticky; top: 0; left: 0; display: flex; gap: 12px; align-items: center; padding: 10px 24px;
  z-index: 1; border-bottom: 1px solid var(--line) }
input { flex: 0 1 340px; min-width: 0; padding: 6px 12px; font: inherit; color: inherit;
  background: transparent; border: 1px solid var(--quiet); border-radius: 999px }
input:focus-visible { outline: 2px solid var(--port); outline-offset: 1px; border-color: transparent }
output { color: var(--faint); font-size: 12px }
main { overflow-x: auto; padding: 8px 0 24px }
svg { display: block }
body, header { background: var(--paper); color: var(--ink) }
#card { position: fixed; max-width: min(460px, 90vw); max-height: 80vh; overflow: hidden; padding: 10px 14px;
  pointer-events: none; z-index: 2; color: var(--ink); background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; box-shadow: 0 8px 28px #0003; font-size: 12px; overflow-wrap: anywhere }
#card b { display: block; font-size: 13px; margin-bottom: 2px }
#card div { color: var(--faint) }
.lane, .rail { cursor: default; outline: none }
.lane:hover .band, .lane:focus-visible .band { fill: var(--ink); fill-opacity: .07 }
.lane:hover .band.new, .lane:focus-visible .band.new { fill: var(--new); fill-opacity: .2 }
.lane:hover .band.mod, .lane:focus-visible .band.mod { fill: var(--mod); fill-opacity: .2 }
.lane:hover .band.del, .lane:focus-visible .band.del { fill: var(--del); fill-opacity: .2 }
.rail:hover > path, .rail:focus-visible > path { opacity: 1 }
.stop { fill: var(--paper) }
"""
SCRIPT = """
"use strict";
const lanes = [...document.querySelectorAll(".lane")], card = document.getElementById("card");
const field = document.querySelector("input"), said = document.querySelector("output");
const rails = [...document.querySelectorAll(".rail > path")];
const sections = document.querySelectorAll(".section");
for (const mark of document.querySelectorAll("svg title")) {
  const thing = mark.parentNode;
  if (thing.tagName === "svg") continue;
  thing.story = mark.textContent;
  mark.remove();
  if (thing.matches(".lane, .rail")) {
    thing.setAttribute("tabindex", "0");
    thing.setAttribute("aria-label", thing.story);
    thing.find = [thing.story, thing.textContent, thing.dataset.names].join("\\n").toLowerCase();
  }
}
const storied = start => { let one = start; while (one && !one.story) one = one.parentNode; return one; };
function tell(thing, x, y) {
  card.replaceChildren(...thing.story.split("\\n").map((line, number) => {
    const row = document.createElement(number ? "div" : "b");
    row.textContent = line;
    return row;
  }));
  card.hidden = false;
  const wide = card.offsetWidth, high = card.offsetHeight;
  card.style.left = Math.max(8, Math.min(x + 16, innerWidth - wide - 8)) + "px";
  card.style.top = (y + 18 + high < innerHeight ? y + 18 : Math.max(8, y - high - 12)) + "px";
}
document.addEventListener("pointermove", event => {
  const thing = storied(event.target);
  if (thing) tell(thing, event.clientX, event.clientY); else card.hidden = true;
});
document.addEventListener("focusin", event => {
  const thing = storied(event.target);
  if (!thing || !thing.matches(":focus-visible")) return;
  const box = thing.getBoundingClientRect();
  tell(thing, box.left + 40, Math.min(box.bottom, innerHeight) - 12);
});
document.addEventListener("focusout", () => { card.hidden = true; });
document.addEventListener("keydown", event => {
  if (event.key === "Escape") { card.hidden = true; field.value = ""; filter(); }
  if (event.key === "/" && document.activeElement !== field) { event.preventDefault(); field.focus(); }
});
const places = lanes.map(lane => lane.transform.baseVal.getItem(0).matrix.f);
const ends = rails.map(rail => rail.getAttribute("d"));
const before = Number((ends[0] || "V0").replace(/.*V/, "")), legend = document.querySelector(".legend");
function filter() {
  const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let next = places.length ? places[0] : 0, shown = 0;
  lanes.forEach((lane, number) => {
    const fits = words.every(word => lane.find.includes(word));
    lane.style.display = fits ? "" : "none";
    lane.setAttribute("transform", "translate(0," + (words.length ? next : places[number]) + ")");
    if (fits) { next += Number(lane.dataset.h); shown += 1; }
  });
  const foot = next - 6;
  rails.forEach((rail, number) => {
    rail.setAttribute("d", words.length ? ends[number].replace(/V.*/, "V" + foot) : ends[number]);
  });
  const shift = words.length ? foot - before : 0;
  if (legend) legend.setAttribute("transform", "translate(0," + shift + ")");
  for (const one of sections) one.style.display = words.length ? "none" : "";
  said.textContent = words.length ? shown + " of " + lanes.length + " rows" : "";
}
field.addEventListener("input", filter);
filter();
"""


def written(picture: Picture) -> Iterator[str]:
    style = STYLE + rules()
    only = f"default-src 'none'; style-src 'unsafe-inline'; script-src '{digest(SCRIPT)}'"
    yield '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{xml(only)}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>{xml(picture.title)}: networks</title>\n<style>{style}</style>\n"
    yield '<header><input type="search" placeholder="Filter: name, network, address, port"'
    yield ' aria-label="Filter by name, network, address or port"><output></output></header>\n<main>\n'
    yield from svg.written(picture)
    yield f'</main>\n<div id="card" role="tooltip" hidden></div>\n<script>{SCRIPT}</script>\n</html>\n'


def digest(content: str) -> str:
    return f"sha256-{b64encode(sha256(content.encode()).digest()).decode()}"


def rules() -> str:
    """Colours as variables, which a browser knows: so that the dark ones are said once."""
    light, dark = (
        variables(colours.LIGHT, "#e2e8f0", "#ffffff"),
        variables(colours.DARK, "#1e293b", "#131c2f"),
    )
    fills = "".join(f".{name} {{ fill: var(--{name}) }}\n" for name in colours.LIGHT)
    strokes = "".join(f".s-{name} {{ stroke: var(--{name}) }}\n" for name in colours.LIGHT)
    return (
        f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n{fills}{strokes}"
    )


def variables(known: Mapping[str, str], line: str, card: str) -> str:
    return "; ".join(f"--{name}: {colour}" for name, colour in {**known, "line": line, "card": card}.items())
