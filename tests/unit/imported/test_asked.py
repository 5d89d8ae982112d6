"""What is asked by an engine's socket: everything, or a refusal that says why."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from threading import Thread

import pytest

from reconciler.errors import Unsupported
from reconciler.kernel import asking_engines, attached, unix_http

WEB = {"Id": "1", "Image": "2", "State": {"Running": True, "Pid": 7}}
ALL = {
    "/containers/json?all=1": (200, [{"Id": "1"}, {"Id": "gone"}]),
    "/containers/1/json": (200, WEB),
    "/networks": (200, [{"Name": "front"}]),
}


@contextmanager
def answering(path: Path, answers: Mapping[str, tuple[int, object]]) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, said = answers.get(self.path, (404, {"message": "no such thing"}))
            body = json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing of it is for the test's output."""

    with UnixStreamServer(str(path), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def asked(path: Path) -> list[object]:
    return asking_engines.asked("docker", {"DOCKER_HOST": f"unix://{path}"})


def test_what_has_gone_since_the_list_is_passed_over(tmp_path):
    with answering(tmp_path / "s", ALL):
        assert asked(tmp_path / "s") == [WEB, {"Name": "front"}]


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("code", [403, 500])
def test_a_daemon_that_refuses_is_no_empty_one(tmp_path, path, code):
    with (
        answering(tmp_path / "s", {**ALL, path: (code, {})}),
        pytest.raises(Unsupported, match=f"no docker answers.*{code}"),
    ):
        asked(tmp_path / "s")


@pytest.mark.parametrize("said", [(404, None), (200, {}), (200, None)])
def test_a_list_that_is_none(tmp_path, said):
    with answering(tmp_path / "s", {**ALL, "/networks": said}), pytest.raises(Unsupported, match="no list"):
        asked(tmp_path / "s")


def test_a_container_that_something_is_attached_to(tmp_path, monkeypatch):
    monkeypatch.setattr(unix_http, "DOCKER", str(tmp_path / "s"))
    with answering(tmp_path / "s", {**ALL, "/containers/odd/json": (500, {})}):
        assert attached.docker_pid("1") == 7
        with pytest.raises(OSError, match="docker knows no container gone"):
            attached.docker_pid("gone")
        with pytest.raises(OSError, match="no docker answers"):
            attached.docker_pid("odd")
