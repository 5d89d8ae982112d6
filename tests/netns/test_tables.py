"""One `inet reconciler` and one `bridge reconciler` for all projects: each changes its own in them, and they
take the place of the tables that 0.2.0 made, two a project."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.netns.lab import HOST4, ROOT, Lab

STANDING = ROOT / "tests/upgrade/0.2.0/standing"
OURS = ["table bridge reconciler", "table inet reconciler"]
WEB, DB, BLOG = "10.61.0.2", "10.62.0.3", "10.64.0.2"


@pytest.fixture
def folder(lab: Lab) -> Path:
    """Two projects, in files of their own."""
    shutil.copytree(STANDING, lab.files / "m")
    return lab.files / "m"


def tables(lab: Lab) -> list[str]:
    return sorted(lab.run("nft list tables").out.splitlines())


def test_a_project_changes_its_own_alone_and_the_tables_go_with_the_last(lab: Lab, folder: Path) -> None:
    for name in ("shop", "blog"):
        lab.succeed(lab.reconcile("--apply", "-q", folder / f"{name}.yaml"))
    assert tables(lab) == OURS
    before = lab.declared("shop")
    assert before.total() > 15 and lab.declared("blog").total() > 5
    lab.run("nft delete element inet reconciler internal { br-shop-back }")
    assert lab.succeed(lab.reconcile("--plan", "--exit-code", folder / "blog.yaml")).rc == 0
    lab.succeed(lab.reconcile("--destroy", "-q", folder / "blog.yaml"))
    assert not lab.declared("blog") and (before - lab.declared("shop")).total() == 1
    lab.succeed(lab.reconcile("--apply", "-q", folder / "shop.yaml"))
    assert lab.declared("shop") == before
    lab.succeed(lab.reconcile("--destroy", "-q", "--project", "shop"))
    assert tables(lab) == []


def test_what_names_nobody_goes_with_a_run_about_everybody(lab: Lab, folder: Path) -> None:
    lab.succeed(lab.reconcile("--apply", "-q", folder))
    lab.nft("""
        add element inet reconciler internal { "eth9" }
        add element inet reconciler internal { "eth8" comment "nobody" }
        add chain inet reconciler stray { type filter hook forward priority 5; }
        add rule inet reconciler stray iifname @bridges drop""")
    lab.succeed(lab.reconcile("--apply", "-q", "--project", "blog", folder))
    assert all(word in lab.rules("inet reconciler") for word in ("eth8", "eth9", "chain stray"))
    lab.succeed(lab.reconcile("--apply", "-q", folder))
    assert not any(word in lab.rules("inet reconciler") for word in ("eth8", "eth9", "chain stray"))
    assert "Nothing to do." in lab.succeed(lab.reconcile("--plan", folder)).out


@pytest.mark.parametrize("comment", ["", 'comment "blog"', 'comment "ghost"'])
def test_a_comment_that_somebody_edited_gives_nothing_away(lab: Lab, folder: Path, comment: str) -> None:
    """What else is known of a bridge is believed, and what tells no name is left to whoever wants it."""
    lab.succeed(lab.reconcile("--apply", "-q", folder))
    lab.succeed(lab.reconcile("--apply", "-q", folder / "shop.yaml"))
    before = lab.declared("shop")
    lab.nft(f"""
        delete element inet reconciler bridges {{ "br-shop-back" }}
        add element inet reconciler bridges {{ "br-shop-back" {comment} }}
        delete element inet reconciler internal {{ "br-shop-back" }}
        add element inet reconciler internal {{ "br-shop-back" }}""")
    lab.succeed(lab.reconcile("--apply", "-q", folder / "blog.yaml"))
    assert "br-shop-back" in lab.links() and "br-shop-back" in lab.rules("inet reconciler")
    lab.succeed(lab.reconcile("--apply", "-q", folder / "shop.yaml"))
    assert lab.declared("shop") == before
    assert "Nothing to do." in lab.succeed(lab.reconcile("--plan", folder / "blog.yaml")).out


def test_one_project_of_a_folder_is_destroyed_alone(lab: Lab, folder: Path) -> None:
    lab.succeed(lab.reconcile("--apply", "-q", folder))
    lab.succeed(lab.reconcile("--destroy", "-q", "--project", "blog", folder))
    assert lab.namespaces() == ["shop-db", "shop-web"] and not lab.declared("blog")
    (folder / "blog.yaml").unlink()
    assert "Nothing to do." in lab.succeed(lab.reconcile("--plan", folder)).out


def test_what_all_share_stays_as_long_as_somebody_needs_it(lab: Lab) -> None:
    """Chains that a driver or an option brings along are there while a project has elements in their maps."""
    for name in ("a", "b"):
        net = "{n: {icc: false}}"
        lab.apply(f"{{name: {name}, networks: {net}, containers: {{c: {{networks: [n]}}}}}}")
    kept = lab.rules("bridge reconciler")
    assert "chain apart " in kept
    lab.apply("{name: a, networks: {n: {}}, containers: {c: {networks: [n]}}}")
    assert "chain apart " in lab.rules("bridge reconciler")
    lab.succeed(lab.reconcile("--destroy", "-q", "--project", "b"))
    assert "chain apart " not in lab.rules("bridge reconciler")


def as_of_before(lab: Lab, folder: Path) -> None:
    """The host as 0.2.0 left it, which was told of another folder: hence `--adopt`."""
    lab.succeed(lab.reconcile("--apply", "-q", folder))
    lab.nft("flush ruleset\n" + (folder / "ruleset.nft").read_text())


@contextmanager
def attacked(lab: Lab) -> Iterator[list[str]]:
    """What somebody on the LAN could reach that is not published, tried all the time."""
    heard: list[str] = []
    over = Event()

    def attack() -> None:
        while not over.is_set():
            for address, port in ((WEB, 80), (BLOG, 22), (DB, 5432)):
                if lab.ask("R", address, port, patience=0.02):
                    heard.append(address)

    thread = Thread(target=attack)
    thread.start()
    try:
        yield heard
    finally:
        over.set()
        thread.join()


@pytest.mark.alone
def test_the_tables_of_before_are_replaced_in_one_transaction(lab: Lab, folder: Path) -> None:
    """Nothing that flows is disturbed, and nothing is open meanwhile.

    A packet that is in a chain at that moment may be lost: it meets rules of one generation and elements of
    the next, where those of a set that goes are gone already (nft_set_elem_active).
    """
    as_of_before(lab, folder)
    lab.serve("shop-web", 80, 8101)
    lab.serve("shop-web", 80, proto="udp")
    lab.serve("shop-db", 5432)
    lab.serve("blog-web", 80, 22)
    for address in (WEB, DB, BLOG):
        lab.run(f"ip route add {address} via {HOST4}", "R")
    with attacked(lab) as heard, lab.flow("R", HOST4, 8080) as flow:
        seen = lab.start("--apply", "--adopt", "-o", "wide", folder)
        out, err = seen.communicate(timeout=60)
        assert seen.returncode == 0, err
    assert flow.received > 20 and flow.lost <= 2 and not flow.error and not heard
    assert "- table inet/reconciler-shop" in out and "+ table inet/reconciler\n" in out
    assert tables(lab) == OURS
    assert "Nothing to do." in lab.succeed(lab.reconcile("--plan", folder)).out
    assert lab.ask("R", HOST4, 8080) and lab.ask("R", HOST4, 8101) and lab.ask("R", BLOG, 80)
    lab.succeed(lab.reconcile("--destroy", "-q", folder))
    assert tables(lab) == [] and lab.json("ip -j rule") == lab.json("ip -j rule")


@pytest.mark.parametrize("first", ["shop", "blog"])
def test_one_project_moves_while_another_stays_as_it_was(lab: Lab, folder: Path, first: str) -> None:
    as_of_before(lab, folder)
    lab.serve("shop-web", 80)
    lab.serve("shop-db", 5432)
    lab.serve("blog-web", 80, 22)
    for address in (WEB, DB, BLOG):
        lab.run(f"ip route add {address} via {HOST4}", "R")
    other = {"shop": "blog", "blog": "shop"}[first]
    old = lab.rules(f"inet reconciler-{other}"), lab.rules(f"bridge reconciler-{other}")
    lab.succeed(lab.reconcile("--apply", "--adopt", "-q", folder / f"{first}.yaml"))
    assert "table inet reconciler-host" in tables(lab)
    assert old == (lab.rules(f"inet reconciler-{other}"), lab.rules(f"bridge reconciler-{other}"))
    assert lab.ask("R", HOST4, 8080) and lab.ask("R", BLOG, 80)
    lab.silent(("R", WEB, 80), ("R", BLOG, 22), ("R", DB, 5432))
    lab.silent(("shop-web", BLOG, 80), ("blog-web", WEB, 80))
    assert lab.ask("shop-web", DB, 5432) and lab.ask("shop-web", HOST4, 8080)
    lab.succeed(lab.reconcile("--apply", "--adopt", "-q", folder / f"{other}.yaml"))
    assert tables(lab) == OURS


@pytest.mark.parametrize("left", ["shop", "blog"])
def test_what_0_2_0_made_is_destroyed_by_project(lab: Lab, folder: Path, left: str) -> None:
    as_of_before(lab, folder)
    gone = {"shop": "blog", "blog": "shop"}[left]
    lab.succeed(lab.reconcile("--destroy", "-q", "--project", gone))
    found = tables(lab)
    assert f"table inet reconciler-{left}" in found and f"table inet reconciler-{gone}" not in found
    assert "table inet reconciler-host" in found
    lab.succeed(lab.reconcile("--destroy", "-q", "--project", left))
    assert tables(lab) == []
