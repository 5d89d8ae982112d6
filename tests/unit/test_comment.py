"""What comments in nftables tell: of whom an element is, and from which directory a project was applied."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.kinds.comment import LONGEST, decoded, encoded

NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}", fullmatch=True)
PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60)


@given(NAMES, PATHS)
def test_a_comment_holds_a_project_and_a_directory(project: str, root: str) -> None:
    said = encoded(project, root)
    assert len(said) <= LONGEST and said.isascii() and '"' not in said
    assert decoded(said)[0] == project
    if not said.partition(" ")[2].startswith("sha256."):
        assert decoded(said) == [project, root]


def test_what_is_too_long_is_a_digest() -> None:
    long = "/very" * 30
    assert encoded(long).startswith("sha256.") and len(encoded(long)) == 71
    said = encoded("p" * 63, long)
    assert len(said) == LONGEST and said.startswith("p" * 63 + " sha256.")
    assert encoded("p" * 63, long + "x") != said
    assert encoded("", "") == ""
