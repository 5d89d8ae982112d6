"""Manifests written into a folder of their own, and what comes of them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.errors import ManifestError, ManifestErrors
from reconciler.manifest.spec import ContainerSpec, Manifest, NetworkSpec, ProjectSpec
from reconciler.pipeline import decide_everywhere, load


class Desk:
    """A folder named `shop` in which a test writes files."""

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def load(self, *names: str, environ: Mapping[str, str] | None = None, **more) -> Manifest:
        paths = [self.folder / name for name in names or ("compose.yaml",)]
        return load(paths, environ=environ or {}, **more)

    def project(self, text: str, environ: Mapping[str, str] | None = None) -> ProjectSpec:
        self.write("compose.yaml", text)
        return self.load(environ=environ).projects[0]

    def container(self, text: str, environ: Mapping[str, str] | None = None) -> ContainerSpec:
        """The first container of services whose body is given."""
        return self.project(text, environ).containers[0]

    def network(self, body: str) -> NetworkSpec:
        """The network `n` with these keys."""
        return self.project("networks:\n  n:\n" + indented(body)).networks[0]

    def service(self, body: str) -> ContainerSpec:
        """The service `web` with these keys, beside networks `front` and `back`."""
        return self.project("networks: {front: , back: }\nservices:\n  web:\n" + indented(body)).containers[0]

    def mistakes(self, text: str, environ: Mapping[str, str] | None = None) -> list[ManifestError]:
        self.write("compose.yaml", text)
        return self.refused(environ=environ)

    def refused(self, *names: str, environ: Mapping[str, str] | None = None) -> list[ManifestError]:
        with pytest.raises(ManifestErrors) as caught:
            decide_everywhere(self.load(*names, environ=environ))
        return caught.value.errors

    def only(self, text: str, environ: Mapping[str, str] | None = None) -> ManifestError:
        (error,) = self.mistakes(text, environ)
        return error


def indented(body: str) -> str:
    return "".join(f"    {line}\n" for line in body.splitlines())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    folder = tmp_path / "shop"
    folder.mkdir()
    return Desk(folder)


@pytest.fixture
def spot() -> Callable[[ManifestError], tuple[int, int]]:
    """Line and column of a mistake."""
    return lambda error: (error.where.line, error.where.column)
