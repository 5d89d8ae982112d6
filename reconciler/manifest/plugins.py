"""Drivers that others have installed; looked for only when a driver is not built in."""

GROUP = "reconciler.drivers"


def plugin_drivers() -> tuple[str, ...]:
    from importlib.metadata import entry_points  # 20 ms, which only an unknown driver is worth

    return tuple(sorted(point.name for point in entry_points(group=GROUP)))
