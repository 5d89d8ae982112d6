"""--trace on a host: what stands is what is told, also where somebody has laid hands on it."""

from tests.netns.lab import command
from tests.schemas import Checked

SHOP = """
name: shop
networks: {front: {}, back: {internal: true}}
services:
  web: {networks: [front, back], ports: ["8080:80"]}
  db: {networks: [back]}
"""


def test_what_stands_is_told_until_somebody_changes_it(lab):
    file = lab.write(SHOP)
    unbuilt = lab.reconcile("--trace", "outside", "web:80", "--desired", file)
    assert (unbuilt.rc, "open" in unbuilt.out) == (0, True), unbuilt
    for words in (("--trace", "outside", "web:80"), ("--exposure",)):
        assert "nothing of it stands; --desired tells" in lab.reconcile(*words, file).out
    lab.apply(SHOP)
    opened = lab.reconcile("--trace", "outside", "web:80", file)
    assert opened.rc == 0 and f"{file}:5:42" in opened.out, opened
    assert "198.51.100.1:8080 -> shop-web-1" in opened.out
    as_json = lab.reconcile("--trace", "web", "db:5432", "-o", "json", file)
    assert as_json.rc == 0 and Checked("trace").faults(as_json.json) == []
    lab.run(["nft", "delete element inet reconciler publish4 { tcp . 8080 }"])
    closed = lab.reconcile("--trace", "outside", "web:80", file)
    assert closed.rc == 1 and "once applied it is open" in closed.out, closed


def test_what_manifests_want_is_told_to_anybody(lab):
    lab.apply(SHOP)
    for words in (("--trace", "web", "db:5432"), ("--trace", "outside", "web:80"), ("--exposure",)):
        asked = ["unshare", "-U", *command(*words, lab.files / "t.yaml")]
        wanted = lab.run([*asked, "--desired"], check=False)
        assert wanted.rc == 0 and "cannot be read without root" in wanted.err, wanted
        assert lab.run(asked, check=False).rc == 77


def test_a_rule_that_went_is_noticed(lab):
    lab.apply(SHOP)
    rules = lab.run("nft -a list chain inet reconciler entering").out.splitlines()
    handle = next(line.rpartition(" ")[2] for line in rules if "@internal drop" in line)
    lab.run(f"nft delete rule inet reconciler entering handle {handle}")
    told = lab.reconcile("--trace", "outside", "db:5432", lab.files / "t.yaml")
    assert told.rc == 1 and "chain inet entering is not as it was written" in told.err, told
    assert "R0018" in told.err
    lab.apply(SHOP)
    assert lab.reconcile("--trace", "outside", "db:5432", lab.files / "t.yaml").rc == 1
