"""Options and their environment twins: what cannot be is refused before anything is read."""

import json
from pathlib import Path

import pytest

from reconciler.cli.arguments import main, parse
from reconciler.cli.modes import FORMS, MODES
from reconciler.cli.options import SYNTAX, Options
from reconciler.cli.watch import orders
from reconciler.daemon.reader import ManifestReader
from reconciler.errors import UsageError
from reconciler.safety.revisions import Revisions

HELLO = str(Path(__file__).parents[2] / "manifests/hello.yaml")
BAD = [
    *(("--confirm-within", text) for text in ("nan", "inf", "-inf", "-1", "0", "1e400", "x", "", "1e9")),
    *(("--wait", text) for text in ("nan", "inf", "-1", "1e400", "x", "")),
    *(
        ("--max-removals", text)
        for text in ("banana", "-1", "101%", "5.5", "", "%", "-5%", "1e3", "٣", "nan")
    ),
    *(("--project", text) for text in ("", "a b", "a/b", "../x", "-a")),
    *(("--only", text) for text in ("", " ", "0123", "plan.json", "0" * 17)),
    *((option, "") for option in ("--host", "--out", "--against", "--state-dir")),
    *(
        (option, text)
        for option in ("--output", "--color", "--max-disruption", "--runtime")
        for text in ("", "xml", "Text")
    ),
]
FLAGS = ("--quiet", "--verbose", "--check", "--exit-code", "--no-prune", "--rehearse")


def twin(option: str) -> str:
    return "RECONCILE_" + option[2:].replace("-", "_").upper()


@pytest.mark.parametrize(("option", "text"), BAD)
def test_what_an_option_cannot_be_its_twin_cannot_be_either(option, text, monkeypatch, capsys):
    assert main(["--apply", f"{option}={text}", HELLO]) == 64
    said = capsys.readouterr().err
    assert f"argument {'-o/' * (option == '--output')}{option}: " in said
    monkeypatch.setenv(twin(option), text)
    assert main(["--apply", HELLO]) == 64
    said = capsys.readouterr().err
    assert said.startswith(f"error: {twin(option)}={text}: ") and "Traceback" not in said


@pytest.mark.parametrize("option", FLAGS)
@pytest.mark.parametrize("text", ["", "maybe", "2", " "])
def test_a_flags_twin_takes_clear_words_alone(option, text, monkeypatch, capsys):
    monkeypatch.setenv(twin(option), text)
    assert main(["--validate", HELLO]) == 64
    assert f"{twin(option)}={text}: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "quiet"),
    [(word, True) for word in ("1", "TRUE", "yes", "on")]
    + [(word, False) for word in ("0", "false", "no", "OFF")],
)
def test_clear_words(text, quiet, monkeypatch, capsys):
    monkeypatch.setenv("RECONCILE_QUIET", text)
    assert main(["--validate", HELLO]) == 0
    assert (capsys.readouterr().out == "") is quiet


def test_a_twin_gives_way_to_its_option(monkeypatch, capsys):
    monkeypatch.setenv("RECONCILE_PROJECT", "hello")
    monkeypatch.setenv("RECONCILE_MAX_REMOVALS", "50%")
    assert main(["--validate", "--max-removals", "3", HELLO]) == 0
    monkeypatch.setenv("RECONCILE_PROJECT", "hello, nobody")
    assert main(["--validate", HELLO]) == 65
    assert "no project is named nobody" in capsys.readouterr().err


def test_the_engine_that_is_asked_for_reads_the_manifests(tmp_path, monkeypatch, capsys):
    """With `--validate` and by a watcher; the option before its twin."""
    file = tmp_path / "compose.yaml"
    file.write_text("services: {web: {image: x, restart: seldom}}\n")
    assert main(["--validate", "-v", str(file)]) == 0
    assert "nothing runs it: --runtime podman" in capsys.readouterr().err
    assert main(["--validate", "--runtime", "podman", str(file)]) == 65
    assert "'seldom' is no restart policy" in capsys.readouterr().err
    monkeypatch.setenv("RECONCILE_RUNTIME", "podman")
    assert main(["--validate", str(file)]) == 65
    assert main(["--validate", "--runtime", "none", str(file)]) == 0


@pytest.mark.parametrize("runtime", ["podman", "none"])
def test_a_watcher_reads_with_the_engine_that_it_was_told(runtime, tmp_path):
    file = tmp_path / "compose.yaml"
    file.write_text("services: {web: {image: x}}\n")
    told = orders(Options(mode="watch", paths=(str(file),), runtime=runtime))
    (project,) = ManifestReader(told, Revisions(tmp_path)).attempt().projects
    assert project.containers[0].runtime == runtime


def test_a_misspelt_twin_is_told(monkeypatch, capsys):
    monkeypatch.setenv("RECONCILE_MAX_REMOVAL", "3")
    assert main(["--validate", HELLO]) == 0
    said = capsys.readouterr().err
    assert said == "warning: RECONCILE_MAX_REMOVAL sets no option; did you mean RECONCILE_MAX_REMOVALS?\n"


def test_a_command_without_its_dashes(capsys):
    assert main(["--exec", "web", "ip", "-br", "address"]) == 64
    assert "--exec NAME -- COMMAND" in capsys.readouterr().err


def test_a_blank_path_names_nothing(capsys):
    assert main(["--validate", ""]) == 64
    assert "a PATH is blank" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "--plan --only 0123456789abcdef",
        "--only 0123456789abcdef",
        "--watch --only 0123456789abcdef",
        "--suspend --project hello",
        "--resume /etc/reconciler",
        "--rollback 1 --project hello",
        "--confirm --project hello",
        "--history --project hello",
        "--history 3",
        "--check",
        "--validate --check",
        "--show --out file",
        "--apply --out file",
    ],
)
def test_an_option_that_the_mode_would_not_heed_is_refused(words, capsys):
    assert main(words.split()) == 64
    said = capsys.readouterr().err
    assert "goes with" in said or "is about all projects" in said


VALUES = {
    "rollback": ["1"],
    "trace": ["a", "b:80"],
    "guest": ["cni"],
    "import": ["docker"],
    "exec": ["a", "--"],
}


def typed(mode: str) -> list[str]:
    value = VALUES.get(mode, ["word"] if MODES[mode].value else [])
    return [f"--{mode}", *value]


@pytest.mark.parametrize("mode", MODES)
def test_a_form_that_the_mode_has_not_is_refused_and_as_a_default_done_without(mode, monkeypatch):
    for output in SYNTAX["output"].choices:
        words = ["-o", output, *typed(mode)]
        if output in ("text", *FORMS.get(mode, ())):
            assert parse(words).output == output
            continue
        with pytest.raises(UsageError, match=f"-o {output} (goes with|is no picture)"):
            parse(words)
        monkeypatch.setenv("RECONCILE_OUTPUT", output)
        assert parse(typed(mode)).output == ("json" if output == "json" else "text")
        monkeypatch.delenv("RECONCILE_OUTPUT")


@pytest.mark.parametrize(
    ("output", "words", "form"),
    [("svg", "--plan --graph x.html", "text"), ("json", "--plan --graph", "json"), ("svg", "--graph", "svg")],
)
def test_a_picture_is_as_its_file_is_called_whatever_the_default(output, words, form, monkeypatch):
    monkeypatch.setenv("RECONCILE_OUTPUT", output)
    assert parse(words.split()).output == form


def test_the_counts_of_valid_manifests_as_json(capsys):
    assert main(["--validate", "-o", "json", HELLO]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"schema_version": 1, "projects": 1, "networks": 1, "sandboxes": 2, "ports": 1}


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "shop.yaml", "9" * 10, "\u0663"])
def test_a_revision_has_a_number(text, capsys):
    assert main(["--rollback", text]) == 64
    assert f"argument --rollback: {text!r} is no revision's number" in capsys.readouterr().err
