"""Standard output whose reader leaves."""

import os

from reconciler.cli import streams


def test_a_copy_is_whole_though_the_reader_has_left(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    parts = ["much " * 10_000, "and ", "more"]
    with os.fdopen(writer, "w") as stream, streams.copied() as said:
        monkeypatch.setattr("sys.stdout", stream)
        streams.tell_all(iter(parts))
        streams.tell("the end")
        assert [text for _, text in said] == [*parts, "the end", "\n"]


def test_nobody_makes_what_nobody_reads(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    made = []
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        streams.tell_all(made.append(n) or "much " * 10_000 for n in range(100))
    assert len(made) < 3
