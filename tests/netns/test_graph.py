"""`--graph`: what stands, what is declared, and what a plan would change, wherever it is to go."""

from pathlib import Path

from tests.netns.lab import Lab, command

SHOP = """
name: t
networks: {front: {enable_ipv6: true}, back: {internal: true}}
services:
  web: {networks: [front, back], ports: ["8080-8081:80"], deploy: {replicas: 2}}
  db: {networks: [back]}
"""
NEW = SHOP.replace("db:", "store:").replace("8080-8081", "8080-8082").replace("replicas: 2", "replicas: 3")


def test_nothing_stands_and_that_can_be_drawn(lab: Lab):
    said = lab.succeed(lab.reconcile("--graph"))
    assert said.out.startswith("digraph reconciler {") and "0 containers" in said.out


def test_what_is_declared_is_drawn_and_nothing_is_done(lab: Lab):
    file = lab.write(SHOP)
    said = lab.succeed(lab.reconcile("--graph", file))
    assert 'label="web × 2' in said.out and "as declared" in said.out and "8080-8081/tcp → 80" in said.out
    assert not lab.namespaces()


def test_what_stands_is_drawn_as_it_was_declared(lab: Lab):
    lab.apply(SHOP)
    declared = lab.succeed(lab.reconcile("--graph", lab.files / "t.yaml")).out
    stands = lab.succeed(lab.reconcile("--graph")).out
    assert stands.replace(title(stands), "") == declared.replace(title(declared), "")
    assert "what stands on" in title(stands)
    lab.run("ip link del br-t-front")
    assert "n0" in stands and "front" not in lab.succeed(lab.reconcile("--graph")).out


def title(text: str) -> str:
    return next(row for row in text.splitlines() if row.startswith("  label="))


def test_a_plan_is_told_and_its_picture_beside(lab: Lab):
    lab.apply(SHOP)
    said = lab.succeed(lab.plan(NEW, "--graph", "/run/plan.svg"))
    picture = Path("/run/plan.svg").read_text()
    digest = said.out.split()[-1]
    assert "container t-store-1" in said.out and f"plan {digest}" in picture
    for words in ("+ store-1", "cuts: recreate", "+8082/tcp", ">− <tspan"):
        assert words in picture, words
    alone = lab.succeed(lab.plan(NEW, "--graph")).out
    assert alone.startswith("digraph reconciler {") and "running traffic" not in alone
    assert lab.succeed(lab.plan(NEW, "-o", "json", "--graph", "/run/plan.html")).json["digest"] == digest
    assert Path("/run/plan.html").read_text().startswith("<!doctype html>")


def test_a_plan_that_finds_nothing_is_drawn_each_time(lab: Lab):
    lab.apply(SHOP)
    for _ in range(2):
        Path("/run/again.svg").unlink(missing_ok=True)
        lab.succeed(lab.plan(SHOP, "--graph", "/run/again.svg"))
        assert "nothing to do" in Path("/run/again.svg").read_text()


def test_the_lines_of_what_stands_are_those_at_their_place(lab: Lab):
    lab.apply(SHOP)
    assert "t.yaml" not in lab.reconcile("--graph", "-o", "svg").out
    lab.reconcile("--status", "--out", "/run/saved.json")
    saved = lab.succeed(lab.reconcile("--graph", "-o", "svg", "--against", "/run/saved.json")).out
    assert "t-web-1: " in saved and "what stands on" in saved


def test_what_is_behind_it_is_a_path_unless_it_is_called_like_a_picture(lab: Lab):
    file = lab.write(SHOP)
    before = file.read_text()
    lab.succeed(lab.reconcile("--graph", file))
    assert file.read_text() == before
    said = lab.run(command("--graph", "-", "-o", "mermaid"), input=before)
    assert said.out.startswith("---\ntitle") and "as declared" in said.out


def test_what_cannot_be_drawn_is_refused(lab: Lab):
    file = lab.write(SHOP)
    for words, said in (
        (("--graph", "x.png", file), "rsvg-convert -o x.png"),
        (("--graph", "x.svg", "-o", "html", file), "x.svg is svg by its name, and -o says html"),
        (("--graph", "-o", "json", file), "-o json is no picture"),
        (("--plan", "--graph", "-o", "json", file), "-o json is no picture"),
        (("--apply", "--graph", "x.svg", file), "--graph goes with --plan, or stands alone"),
        (("-o", "svg", file), "-o svg goes with --graph"),
        (("--graph", "--project", "nobody"), "no project nobody stands here"),
    ):
        found = lab.reconcile(*words)
        assert (found.rc, said in found.err) == (64, True), (words, found.err)
    assert lab.reconcile("--graph", "/nowhere/x.svg", file).err.startswith("error: /nowhere/x.svg cannot be")
