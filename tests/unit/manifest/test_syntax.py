"""YAML: the 1.2 core scalars, what is refused, and the limits."""

import math

import pytest

from reconciler.manifest.yaml import parse
from reconciler.manifest.yaml.node import Mistakes, raw


def parsed(text):
    mistakes = Mistakes()
    documents = [raw(node) for node in parse.parse(text, "a.yaml", mistakes)]
    return documents[0] if len(documents) == 1 else documents, mistakes


def value(text):
    document, mistakes = parsed(text)
    assert not mistakes
    return document


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22:22", "22:22"),
        ("8080:53", "8080:53"),
        ("52:54:00:12:34:56", "52:54:00:12:34:56"),
        ("1_000", "1_000"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-7", -7),
        ("+7", 7),
        ("0b1", "0b1"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("~", None),
        ("null", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.", 1.0),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        (".", "."),
        ("-", "-"),
        ("'10'", "10"),
        ('"true"', "true"),
        ("!!str 10", "10"),
        ("=", "="),
        ("10.0.0.1", "10.0.0.1"),
    ],
)
def test_scalars_are_yaml_1_2(text, expected):
    assert value(f"a: {text}" if text != "-" else "a: '-'")["a"] == expected


def test_not_a_number():
    assert math.isnan(value("a: .NaN")["a"])


def test_a_number_of_thousands_of_digits_stays_text():
    assert value(f"a: {'9' * 5000}")["a"] == "9" * 5000


def test_keys_are_text():
    assert value("8080: a\ntrue: b\n1.50: c\n") == {"8080": "a", "true": "b", "1.50": "c"}


def test_duplicate_keys_are_told_with_both_places():
    _, (error,) = parsed("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")
    assert (error.where.line, error.where.column) == (5, 3)
    assert error.label[0].line == 3 and "duplicate key `c`" in error.message


def test_quoted_and_plain_keys_are_one():
    _, (error,) = parsed("'80': 1\n80: 2\n")
    assert "duplicate key" in error.message


def test_anchors_and_aliases():
    assert value("a: &x {k: [1, 2]}\nb: *x\n")["b"] == {"k": [1, 2]}


def test_an_anchor_may_be_redefined():
    assert value("a: &x 1\nb: *x\nc: &x 2\nd: *x\n") == {"a": 1, "b": 1, "c": 2, "d": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3}\n", {"k": 1, "l": 3}),
        ("a: &x {k: 1, l: 2}\nb: {l: 3, <<: *x}\n", {"k": 1, "l": 3}),
        ("a: [&x {k: 1}, &y {k: 2, m: 4}]\nb: {<<: [*x, *y]}\n", {"k": 1, "m": 4}),
        ("a: &x {k: 1}\nb: {<<: {k: 5}, m: 1}\n", {"k": 5, "m": 1}),
        ("b: {'<<': 1}\n", {"<<": 1}),
    ],
)
def test_merge_keys(text, expected):
    assert value(text)["b"] == expected


def test_merge_key_of_a_scalar():
    _, (error,) = parsed("b: {<<: 5}\n")
    assert "`<<` takes a mapping" in error.message


def test_documents_of_one_file():
    assert value("a: 1\n---\nb: 2\n") == [{"a": 1}, {"b": 2}]


def test_anchors_end_with_their_document():
    _, (error,) = parsed("a: &x 1\n---\nb: *x\n")
    assert "no anchor &x" in error.message


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("a: [1, 2\nb: 3\n", "no YAML: a `[` is not closed", (2, 2)),
        ("a: {b: 2\nc: 3\n", "no YAML: a `{` is not closed", (2, 2)),
        ("a: b: c\n", "no YAML: a `:` where no key can be", (1, 5)),
        ("a:\n\tb: 1\n", "no YAML: a tab indents this line", (2, 1)),
        ("a:\n  b: 1\n\tc: 2\n", "no YAML: a tab indents this line", (3, 1)),
        ("a: %b\n", "no YAML: text cannot begin with `%`", (1, 4)),
        ("a: 'open\n", "no YAML: a quote is not closed", (2, 1)),
        ("a: 1\nb\nc: 2\n", "no YAML: a line that is no `key: value`", (3, 1)),
        ("a:\n- 1\n b: 2\n", "no YAML", (3, 3)),
        ("a: - 1\n", "no YAML: a list cannot begin here", (1, 4)),
        ('a: "\\d"\n', "no YAML: a backslash in double quotes", (1, 5)),
        ("a: *missing\n", "no anchor &missing before this alias", (1, 4)),
        ("a: &a [*a]\n", "the anchor &a contains itself", (1, 8)),
        ("a: &a {b: *a}\n", "the anchor &a contains itself", (1, 11)),
        ("a: !rest 1\n", "unknown tag !rest", (1, 4)),
        ("? [a]\n: 1\n", "a key must be text", (1, 3)),
        ("a: \x07\n", "no YAML: control characters are not allowed", (1, 4)),
        ("é: 1\nb: \x1b\n", "no YAML: control characters are not allowed", (2, 4)),
        ('a: "\\ud800"\n', "no YAML: a backslash in double quotes", (1, 7)),
    ],
)
def test_what_is_no_yaml(text, message, place):
    _, (error,) = parsed(text)
    assert message in error.message
    assert (error.where.line, error.where.column) == place


def test_depth_is_limited():
    _, (error,) = parsed("[" * 200_000)
    assert f"nested deeper than {parse.MAX_DEPTH} levels" in error.message
    _, (error,) = parsed("".join(f"{' ' * i}a:\n" for i in range(300)))
    assert "nested deeper" in error.message


def test_alias_bombs_are_counted(monkeypatch):
    monkeypatch.setattr(parse, "MAX_NODES", 10_000)
    bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
    _, (error,) = parsed(bomb)
    assert "more than 10000 values, aliases expanded" in error.message


def test_places_are_kept_for_every_node():
    (document,) = parse.parse("services:\n  web: {ports: [80, '81']}\n", "a.yaml", Mistakes())
    ports = document.value["services"].value["web"].value["ports"]
    assert [node.place for node in ports.value] == [("a.yaml", 2, 17), ("a.yaml", 2, 21)]
    assert document.value["services"].keys["web"] == ("a.yaml", 2, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: *", "a `*` or `&` that names nothing"),
        ("a: & b", "a `*` or `&` that names nothing"),
        ("a: [b, , c]", "a value is missing"),
        ("a: [", "a value is missing"),
        ("{a: b}}", "text behind the end"),
        ("a: b\n...\nc: d", "text behind the end"),
        ('a: "x\n---\ny"', "a quote is not closed"),
        ("a: !b!c d", "a `!` that begins no tag"),
        ("a: !<x", "a `!` that begins no tag"),
        ("a: !b%zz c", "a `!` that begins no tag"),
        ("%YAML 3.0\n---\na: b", "a line that begins with `%`"),
        ("%FOO\na: b", "a line that begins with `%`"),
        ("a: |9x\n b", "text beside a `|` or `>`"),
        ('a: "\\x4"', "a backslash in double quotes"),
        ('a: "\\uD800"', "a backslash in double quotes"),
        ('a: "b" c', "text behind a value"),
        ("- 'a' b", "text behind a value"),
        ("a: ? b", "a `?` where no key can be"),
        ("a\7: b", "control characters are not allowed"),
    ],
)
def test_what_is_no_yaml_is_told_in_words_and_with_a_hint(text, words):
    _, (mistake,) = parsed(text)
    assert mistake.message == f"no YAML: {words}" and mistake.hint


def test_no_text_holds_a_nul():
    for text in ('a: "b\\0"', 'a: ["\\0"]', '"a\\0": b', '"a\\0": &x {}', '&x "\\0": b'):
        _, (mistake,) = parsed(text)
        assert mistake.message == "a text with a NUL" and mistake.hint and mistake.where.line == 1
