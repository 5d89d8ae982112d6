"""`config` of a network of driver cni: where it is wrong, and what it is kept as."""

import json

import pytest

from reconciler.errors import ManifestErrors
from reconciler.pipeline import load

GOOD = {"cniVersion": "1.0.0", "name": "lan", "plugins": [{"type": "bridge"}]}


@pytest.fixture
def loaded(tmp_path):
    def load_one(config: str, more: str = ""):
        text = f"name: t\nnetworks:\n  lan:\n    driver: cni\n{more}    config: {config}\n"
        (tmp_path / "t.yaml").write_text(text)
        return load([tmp_path / "t.yaml"]).projects[0].networks[0]

    return load_one


def test_inline_by_path_and_a_single_plugin_are_one(loaded, tmp_path):
    (tmp_path / "lan.conflist").write_text(json.dumps(GOOD, indent=1))
    (tmp_path / "lan.conf").write_text(json.dumps({"cniVersion": "1.0.0", "name": "lan", "type": "bridge"}))
    written = [loaded(one).config for one in (json.dumps(GOOD), "./lan.conflist", f"{tmp_path}/lan.conf")]
    assert [json.loads(one) for one in written] == [GOOD] * 3


@pytest.mark.parametrize(
    ("written", "chosen"),
    [
        ({"cniVersion": "0.3.1", "cniVersions": ["0.3.1", "0.4.0", "1.0.0", "9.9.9"]}, "1.0.0"),
        ({"cniVersion": "1.1.0", "cniVersions": ["0.4.0"]}, "1.1.0"),
        ({"cniVersions": ["0.4.0"]}, "0.4.0"),
    ],
)
@pytest.mark.parametrize("plugins", [{"plugins": [{"type": "a"}]}, {"type": "a"}])
def test_the_highest_version_that_we_speak_is_spoken(loaded, written, chosen, plugins):
    config = loaded(json.dumps({**written, "name": "lan", **plugins})).config
    assert json.loads(config) == {"cniVersion": chosen, "name": "lan", "plugins": [{"type": "a"}]}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("{cniVersion: 1.0.0, name: lan, plugins: []}", ":5:53 networks.lan.config.plugins: `plugins` must"),
        ("{cniVersion: 1.0.0, name: lan, plugins: {a: 1}}", "`plugins` must be a list"),
        ("{cniVersion: 1.0.0, name: lan}", "`type` is missing"),
        ("{cniVersion: 9.9.9, name: lan, type: a}", ":5:26 networks.lan.config.cniVersion: '9.9.9' is no"),
        ("{name: lan, type: a}", "`cniVersion` is missing"),
        ("{cniVersion: 1.0, name: lan, type: a}", "1.0 is no version"),
        ("{cniVersion: 1.0.0, type: a}", "`name` is missing"),
        ("{cniVersion: 1.0.0, name: ../lan, type: a}", "can be no network's name"),
        ("{cniVersion: 1.0.0, name: lan, plugins: [{type: ../a}]}", ":5:61 .*'../a' can be no plugin's name"),
        ("{cniVersion: 1.0.0, name: lan, plugins: [{type: 5}]}", "can be no plugin's name"),
        ("{cniVersion: 1.0.0, name: lan, plugins: [bridge]}", "a plugin is a mapping"),
        ("{cniVersion: 1.0.0, name: lan, type: a, ipam: x}", "`ipam` must be a mapping"),
        ("{cniVersion: 1.0.0, name: lan, type: a, ipam: {subnet: x}}", "`type` is missing"),
        ("{cniVersion: 1.0.0, name: lan, type: a, ipam: {type: /bin/sh}}", "can be no plugin's name"),
        ("{cniVersion: 1.0.0, name: lan, type: a, capabilities: [ips]}", "maps names to true or false"),
        ("{cniVersion: 1.0.0, name: lan, type: a, mtu: .inf}", "cannot be written as JSON"),
        ("{cniVersion: 0.3.1, cniVersions: [0.3.0, [1]], name: lan, type: a}", "'0.3.1' is no version"),
        ("{cniVersion: 1.0.0, name: lan, type: a, runtimeConfig: {}}", ":5:68 .*`runtimeConfig` is what"),
        ("{cniVersion: 1.0.0, name: lan, type: a, cni.dev/x: 1}", "`cni.dev/x` is what plugins are told"),
        ("5", "5 does not exist"),
        ("[a]", "`config` must be|config"),
        ("&a {cniVersion: 1.0.0, name: lan, type: a, more: *a}", "a"),
        ("lan.conflist", ":5:13 networks.lan.config: .*lan.conflist does not exist"),
        (".", "does not exist"),
    ],
)
def test_what_is_no_list_is_told_at_its_place(loaded, config, words):
    with pytest.raises(ManifestErrors, match=words):
        loaded(config)


def test_a_list_that_is_missing_is_a_missing_file(loaded):
    with pytest.raises(ManifestErrors) as caught:
        loaded("lan.conflist")
    assert [one.id for one in caught.value.errors] == ["R0102"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n "a":: 1}', r"lan.conflist:2:6: no JSON"),
        ("[1]", "lan.conflist: .*is a mapping"),
        (
            '{"cniVersion": "1.0.0", "name": "lan", "plugins": [{}]}',
            "lan.conflist: plugins.0.type: `type` is",
        ),
        ("[" * 100000, "lan.conflist:1:1: nested too deep"),
        ("", "no JSON"),
    ],
)
def test_what_is_wrong_in_a_file_names_it(loaded, tmp_path, text, words):
    (tmp_path / "lan.conflist").write_text(text)
    with pytest.raises(ManifestErrors, match=words):
        loaded("lan.conflist")


def test_only_a_driver_with_plugins_has_one(tmp_path):
    (tmp_path / "t.yaml").write_text("{name: t, networks: {a: {driver: cni}, b: {config: x}}}")
    with pytest.raises(ManifestErrors) as told:
        load([tmp_path / "t.yaml"])
    assert [(one.where.path, one.message) for one in told.value.errors] == [
        ("networks.a", "`config` is missing"),
        ("networks.b.config", "its driver takes no `config`"),
    ]
    assert told.value.errors[1].hint == "`driver: cni` does"
