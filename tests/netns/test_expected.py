"""`expect:` on a host: plans that break it are refused, applies are held to it, and `--test` sends some."""

import json

import pytest

from tests.netns.lab import HOST4, Lab
from tests.netns.watching import watching
from tests.schemas import Checked

SHOP = """\
name: shop
networks: {default: {enable_ipv6: true}}
services:
  web:
    ports: ["443:8443"]
    egress: ["app:8080", "app:53/udp"]
  app:
    ingress: ["web:8080", "web:53/udp"]
    egress: ["db:5432", "db:/icmp"]
  db:
    ingress: ["app:5432", "app:/icmp"]
    egress: []
""".replace(":/icmp", "/icmp")
EXPECT = """\
expect:
  - outside reaches web:8443
  - web reaches app:8080
  - web reaches app:53/udp
  - app reaches db:5432
  - app reaches db/icmp
  - host reaches web:8443
  - web does not reach db
  - web does not reach host
  - host does not reach db
  - db does not reach outside
"""
OPENED = SHOP.replace('"app:8080"', '"app:8080", "db:5432"').replace('"app:5432"', '"app:5432", "web:5432"')


def tried(lab: Lab, *arguments: object):
    """What --test says of each sentence, by its text."""
    done = lab.reconcile("--test", "-o", "json", *arguments)
    assert Checked("test").faults(done.json) == []
    return done.rc, {one["text"]: one for one in done.json["sentences"]}


@pytest.fixture
def shop(netfiltered: Lab) -> Lab:
    netfiltered.apply(SHOP + EXPECT)
    return netfiltered


def test_a_plan_that_breaks_a_sentence_is_refused(shop):
    stood = shop.snapshot()
    for how in ("--plan", "--apply", "--rehearse", "--validate"):
        file = shop.write(OPENED + EXPECT)
        refused = shop.reconcile(how, file)
        assert refused.rc == 65 and "R0124" in refused.err, refused
        assert f"{file}:20:5 expect[6]" in refused.err and f"{file}:11:27" in refused.err, refused
        assert "shop-web-1 reaches shop-db-1:5432/tcp: a policy allows it" in refused.err
    assert shop.snapshot() == stood
    as_json = shop.reconcile("--plan", "-o", "json", file)
    [error] = json.loads(as_json.err)["errors"]
    assert error["id"] == "R0124" and error["label"]["line"] == 11


def test_what_only_looks_is_refused_nothing(shop):
    file = shop.write(OPENED + EXPECT)
    assert shop.reconcile("--trace", "web", "db:5432", "--desired", file).rc == 0
    assert shop.reconcile("--exposure", file).rc == shop.reconcile("--show", file).rc == 0


def test_an_apply_says_what_it_made_reachable(shop):
    done = shop.apply(OPENED)
    assert "shop-db-1:5432/tcp becomes reachable from shop-web-1" in done.out
    gone = shop.apply(SHOP + EXPECT)
    assert "shop-db-1:5432/tcp is reachable from shop-web-1 no more" in gone.out
    again = shop.plan(SHOP + EXPECT)
    assert "reachable" not in again.out


def test_the_watcher_keeps_what_stands_and_says_why(lab):
    lab.write(SHOP + EXPECT, "m/t.yaml")
    with watching(lab, lab.files / "m") as watcher:
        lab.write(OPENED + EXPECT, "m/t.yaml")
        watcher.until(lambda: (watcher.status["error"] or {}).get("id") == "R0124")
        error = watcher.status["error"]
        assert (error["line"], error["path"]) == (20, "expect[6]"), error
        assert "shop-web-1 reaches shop-db-1:5432/tcp" in error["message"]
        assert lab.reconcile("--trace", "web", "db:5432", lab.files / "m").rc == 1
        lab.write(SHOP + EXPECT, "m/t.yaml")
        watcher.synced()


def test_of_several_projects_one_that_breaks_a_sentence_is_seen_too(lab):
    """Of a commit the watcher decides only the project that it is about."""
    more = "name: more\nservices: {x: {}}\n"
    lab.write(SHOP + EXPECT, "m/t.yaml")
    lab.write(more, "m/more.yaml")
    with watching(lab, lab.files / "m") as watcher:
        watcher.synced()
        lab.write(more.replace("{x: {}}", "{x: {}, y: {}}"), "m/more.yaml")
        watcher.until(lambda: "more-y-1" in lab.run("ip netns list").out)
        lab.write(OPENED + EXPECT, "m/t.yaml")
        watcher.until(lambda: (watcher.status["error"] or {}).get("id") == "R0124")
        assert lab.reconcile("--trace", "shop-web-1", "shop-db-1:5432", lab.files / "m").rc == 1


def test_what_a_host_that_changes_breaks_is_told_and_heals_nothing_less(lab):
    text = "name: t\nservices:\n  web: {ports: ['8080:80']}\n"
    sentence = "expect: ['outside reaches web:80']\n"
    lab.apply(text + sentence)
    lab.run("ip addr flush dev uplink")
    lab.run("ip link del br-t-default")
    healed = lab.apply(text + sentence)
    assert "expect[0]: `outside reaches web:80` is not so" in healed.err and "it was not before" in healed.err
    assert lab.planned(text + sentence) == [] and lab.run("ip link show br-t-default").rc == 0
    lone = text.replace("name: t", "name: lone").replace("8080", "8081") + sentence
    assert lab.try_apply(lone).rc == 65  # which never was so here


def test_it_is_tried_with_real_packets_and_nothing_is_left(shop):
    stood, file = shop.snapshot(), shop.write(SHOP + EXPECT)
    for _ in range(2):  # the second time nothing of the first is in the way
        rc, found = tried(shop, file)
        assert rc == 0 and all(one["holds"] for one in found.values()), found
    sent = {text for text, one in found.items() if all(each["by"] == "packets" for each in one["tries"])}
    assert sent == {*found} - {"outside reaches web:8443", "db does not reach outside"}
    assert "no packet was sent" in found["outside reaches web:8443"]["tries"][0]["words"]
    assert shop.snapshot() == stood
    assert ":8080" not in shop.run("ss -Htan", "shop-app-1").out


def test_an_address_of_the_host_is_tried_and_of_one_alone_there_is_nothing_to_try(lab):
    text = "name: t\nservices:\n  a: {ports: ['8443:443']}\n  b: {}\n"
    sentences = f"expect: ['b reaches {HOST4}:8443', 'a does not reach a']\n"
    lab.apply(text + sentences)
    rc, found = tried(lab, lab.write(text + sentences))
    assert rc == 0, found
    [one] = found[f"b reaches {HOST4}:8443"]["tries"]
    assert one["by"] == "packets" and one["reached"], one
    assert found["a does not reach a"]["tries"] == [] and found["a does not reach a"]["holds"]


def test_what_drifted_is_noticed(shop):
    """What the manifests want is as is expected; what stands is not, and no packet lies."""
    file = shop.write(SHOP + EXPECT)
    rules = shop.run("nft -a list chain inet reconciler refused").out
    assert "reject" in rules
    shop.run("nft flush chain inet reconciler refused")
    rc, found = tried(shop, file)
    broken = {text for text, one in found.items() if one["holds"] is False}
    assert rc == 1 and "web does not reach db" in broken, found
    text = shop.reconcile("--test", file)
    assert text.rc == 1 and "shop-web-1 -> shop-db-1:" in text.out and "connected" in text.out, text


def test_who_listens_already_answers(shop):
    file = shop.write(SHOP + EXPECT)
    shop.serve("shop-db-1", 5432)
    shop.serve("shop-app-1", 53, proto="udp")
    rc, found = tried(shop, file)
    assert found["app reaches db:5432"]["holds"] is True, found["app reaches db:5432"]
    assert "who listens there" in found["app reaches db:5432"]["tries"][0]["words"]
    broken = found["web does not reach db"]
    assert broken["holds"] is True, broken["tries"]


def test_of_what_does_not_stand_nothing_is_told(lab):
    file = lab.write(SHOP + EXPECT)
    done = lab.reconcile("--test", file)
    assert done.rc == 1 and "does not stand" in done.out, done
    nothing = lab.reconcile("--test", lab.write(SHOP, "u.yaml"))
    assert nothing.rc == 64 and "nothing is expected here" in nothing.err
