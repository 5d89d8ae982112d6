"""A plan as a comment: never too long, what is lost first, and what others named is text alone."""

import re
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.change import Change
from reconciler.cli import markdown
from reconciler.cli.story import Story
from reconciler.core.plan import plan
from reconciler.core.resource import Origin, State
from reconciler.errors import Where
from reconciler.inventory.facts import Facts
from reconciler.kinds.resolver import ZoneFile
from reconciler.manifest.spec import NetworkSpec
from reconciler.pipeline import decide
from tests.unit.worlds import build, container, manifest, port, project

HEAD = {"host": "alpha", "commit": "3f2a91c04d11", "version": "0.0.0"}
COMMENT = Path(__file__).with_name("comment.md")
NETWORK = NetworkSpec(name="back")
CLOSES = re.compile(r" {0,3}`{3,}\s*")
HOSTILE = [
    "`",
    "```",
    "~~~",
    "|",
    "<b>",
    "</details>",
    "\n",
    "\r\n",
    "@all",
    "&lt;",
    "[x](y)",
    "    ",
    "# ",
    "é",
]
WORDS = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=8)), max_size=12).map("".join)
FACTS = Facts(name="alpha", machine="0" * 32)


def state(*projects) -> State:
    return decide(manifest(*projects), FACTS)[1]


def page(live: State, desired: State, **more) -> str:
    notes = {"Warnings": more.get("warnings", []), "Projects that wait": more.get("waiting", [])}
    told = Story(
        Change(manifest(), build(manifest(), FACTS), live, desired, plan(live, desired), frozenset())
    )
    return markdown.page(told, HEAD | {"host": more.get("host", "alpha")}, notes, more.get("seconds"))


def outside(text: str) -> list[str]:
    """The lines that are no fenced block's, as CommonMark tells them apart, less the code in them."""
    rows, inside = [], False
    for row in text.split("\n"):
        if inside:
            inside = not CLOSES.fullmatch(row)
        elif row.startswith("```"):
            inside = True
        else:
            rows.append(re.sub(r"`[^`]*`", "", row))
    assert not inside
    return rows


PLAIN = state(project("shop", container("web", "default"), container("db", "default")))


@settings(max_examples=settings.default.max_examples * 3 // 5)
@given(WORDS, WORDS, WORDS, WORDS)
def test_nothing_that_others_named_breaks_out(file, warning, host, body):
    def named(r):
        told = replace(r, origin=Origin(Where(file or "x", 3)))
        return replace(told, lines=tuple(body.split("\n"))) if isinstance(r, ZoneFile) else told

    given_words = {"warnings": [warning], "waiting": [file], "host": host}
    found = page({}, {key: named(r) for key, r in PLAIN.items()}, **given_words)
    expected = page({}, PLAIN, warnings=["x"], waiting=["x"])
    digest = re.compile(r"--only [0-9a-f]{16}|\d+ step")
    if warning.splitlines() and file.splitlines():
        assert [digest.sub("", row) for row in outside(found)] == [
            digest.sub("", r) for r in outside(expected)
        ]
    assert all(row.isprintable() for row in found.split("\n"))


def test_a_plan_of_any_size_fits_and_what_is_lost_comes_first():
    gone = state(*(project(f"gone{i}", container("old", "default")) for i in range(3)))
    here = {**state(project("aaa", *(container(f"web{i}", "default") for i in range(900)))), **gone}
    there = state(project("zzz", *(container(f"web{i}", "default") for i in range(900))))
    text = page(here, there, warnings=["é" * 9999] * 999, waiting=["x\n" * 9999] * 999)
    assert 45_000 < len(text.encode()) < 60_000
    titles = re.findall(r"^#### `(\w+)`: (.*)$", text, re.MULTILINE)
    assert titles[0] == ("aaa", "900 containers, 1 network, names, firewall to remove")
    assert "see `-o wide`" in text and "are not shown: `reconcile --plan -o wide`" in text
    shown = len(re.findall(r"^- container aaa-web", text, re.MULTILINE))
    assert f"and {900 - shown} containers" in text


def test_many_projects_are_counted():
    text = page({}, state(*(project(f"p{i}", container("web", "default")) for i in range(400))))
    shown = len(re.findall("^#### `p", text, re.MULTILINE))
    assert len(text.encode()) < 60_000 and 50 < shown < 400
    assert re.search(
        rf"^and {401 - shown} projects more: {400 - shown} containers, {400 - shown} networks", text, re.M
    )


def test_removals_costs_and_places_are_in_it():
    less = state(project("shop", container("web", "default")))
    text = page(PLAIN, less)
    assert text.startswith("### Plan for `alpha`: ") and "1 container to remove" in text.splitlines()[0]
    assert "commit `3f2a91c04d11` · reconcile `0.0.0`" in text and "Running traffic: **" in text
    assert "\n```diff\n- container shop-db" in text and "<details><summary>" in text
    assert text.rstrip().endswith("` does exactly this.")


def test_a_change_reads_well(update_golden):
    """Look at what --update-golden changes."""
    before = project("shop", container("web", "default", ports=(port(80, 8080),)), container("db", "default"))
    after = project("shop", container("web", "default", "back", ports=(port(80, 8081),)), NETWORK)
    warnings = ["compose.yaml:3:5 PORT is not set\n  hint: it is blank now"]
    text = page(state(before), state(after), warnings=warnings, waiting=["lab: no link is called nic0"])
    if update_golden:
        COMMENT.write_text(text)
    assert text == COMMENT.read_text()


def test_nothing_to_do_and_what_is_done():
    assert page(PLAIN, PLAIN, warnings=["odd"]).splitlines()[0] == "### Plan for `alpha`: nothing to do"
    done = page({}, PLAIN, seconds=0.31)
    assert (
        done.startswith("### Done on `alpha`: 2 containers")
        and " in 0.31 s\n" in done
        and "--only" not in done
    )
