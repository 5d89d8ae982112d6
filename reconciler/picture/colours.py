"""Colours, each as it is written: there are programs that draw SVG and know no variables of CSS.

What happens is told by a sign and a shape as well, and never by a colour alone.
"""

OPERATIONS = {"+": "new", "~": "mod", "-/+": "mod", "-": "del", "": "ink"}
RAILS = 7  # colours of networks to which nothing happens: none looks as if something did
LIGHT = {
    "ink": "#0f172a",
    "faint": "#64748b",
    "quiet": "#94a3b8",
    "paper": "#ffffff",
    "port": "#1d4ed8",
    "new": "#15803d",
    "mod": "#b45309",
    "del": "#b91c1c",
    "n0": "#0369a1",
    "n1": "#7c3aed",
    "n2": "#0f766e",
    "n3": "#a21caf",
    "n4": "#4338ca",
    "n5": "#0e7490",
    "n6": "#475569",
}
DARK = {
    "ink": "#e2e8f0",
    "faint": "#94a3b8",
    "quiet": "#64748b",
    "paper": "#0b1220",
    "port": "#7cb0ff",
    "new": "#4ade80",
    "mod": "#fbbf24",
    "del": "#f87171",
    "n0": "#38bdf8",
    "n1": "#a78bfa",
    "n2": "#2dd4bf",
    "n3": "#e879f9",
    "n4": "#818cf8",
    "n5": "#22d3ee",
    "n6": "#94a3b8",
}


def of_rail(turn: int, op: str) -> str:
    """The class of one, from the left."""
    return OPERATIONS[op] if op else f"n{turn % RAILS}"
