"""Images as others push them, made here of what Debian has installed: a program, what it is linked with, and
busybox."""

import io
import os
import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from shutil import which

from tests.netns.engine_room import engine

BUSYBOX = "/bin/busybox"
LINKS = ("cat", "httpd", "id", "kill", "rm", "sed", "sh", "sleep", "test", "touch", "wget")
USERS = "root:x:0:0::/:/bin/sh\npostgres:x:70:70::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"
GROUPS = "root:x:0:\npostgres:x:70:\nnogroup:x:65534:\n"


def postgres_folder() -> Path | None:
    """The newest that is installed, which Debian puts in no PATH."""
    return max(Path("/usr/lib/postgresql").glob("*"), default=None, key=lambda path: int(path.name))


def lack() -> str:
    """What of Debian's is not installed here, or nothing."""
    found = {
        "podman": which("podman"),
        "crun": which("crun"),
        "busybox-static": Path(BUSYBOX).exists(),
        "nginx": which("nginx"),
        "postgresql": postgres_folder(),
    }
    missing = [package for package, there in found.items() if not there]
    return f"not installed here: apt-get install {' '.join(missing)}" if missing else ""


def linked(programs: Iterable[str]) -> set[str]:
    """The programs, and the libraries that they are linked with."""
    told = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=True).stdout
    return {*programs, *re.findall(r"(/\S+) \(0x", told)}


def make(
    name: str,
    *changes: str,
    programs: Iterable[str] = (),
    folders: Iterable[str] = (),
    texts: dict[str, str] | None = None,
    own: Iterable[str] = (),
) -> None:
    """An image: programs with what they need, folders and files as they are here, texts as programs, and
    empty folders that postgres owns."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", dereference=True) as tar:
        for path in sorted({BUSYBOX, *linked(programs)} if programs else {BUSYBOX}):
            tar.add(os.path.realpath(path), path)
        for path in folders:
            tar.add(path)
        for one in (
            *directories("tmp", "run", mode=0o1777),
            *directories(*own, owner=70, mode=0o700),
            *links(),
        ):
            tar.addfile(one)
        for path, text in {"etc/passwd": USERS, "etc/group": GROUPS, **(texts or {})}.items():
            file = tarfile.TarInfo(path)
            file.mode, file.size = 0o755, len(text)
            tar.addfile(file, io.BytesIO(text.encode()))
    words = [word for change in changes for word in ("--change", change)]
    engine("import", "--quiet", *words, "-", name, data=out.getvalue())


def directories(*paths: str, owner: int = 0, mode: int) -> Iterator[tarfile.TarInfo]:
    for path in paths:
        made = tarfile.TarInfo(path)
        made.type, made.uid, made.gid, made.mode = tarfile.DIRTYPE, owner, owner, mode
        yield made


def links() -> Iterator[tarfile.TarInfo]:
    for name in LINKS:
        made = tarfile.TarInfo(f"bin/{name}")
        made.type, made.linkname = tarfile.SYMTYPE, "busybox"
        yield made


POSTGRES_STARTS = """#!/bin/sh
set -e
test "$(id -u)" != 0 || exec /usr/bin/setpriv --reuid=postgres --regid=postgres --clear-groups "$0"
data=/var/lib/postgresql/data
if ! test -e $data/PG_VERSION; then
    password=${POSTGRES_PASSWORD_FILE:-/tmp/password}
    test -e $password || echo "$POSTGRES_PASSWORD" >$password
    initdb -D $data -U postgres --auth=scram-sha-256 --auth-local=trust --pwfile=$password --no-sync
    echo host all all all scram-sha-256 >>$data/pg_hba.conf
    test -z "$POSTGRES_DB" || echo "create database $POSTGRES_DB" | postgres --single -D $data postgres
fi
exec postgres -D $data -c "listen_addresses=*"
"""
NGINX = """
events {}
pid /run/nginx.pid;
error_log /dev/stderr;
http { access_log off; include /etc/nginx/conf.d/*.conf; }
"""
WELCOME = 'server { listen 80; location / { return 200 "Welcome to nginx"; } }\n'


def psql(name: str) -> None:
    """What the application is made from."""
    folder = postgres_folder()
    make(name, f"ENV PATH={folder}/bin:/bin", programs=[f"{folder}/bin/psql"])


def postgres(name: str) -> None:
    """Docker's own, as far as its manual tells."""
    folder = postgres_folder()
    assert folder
    programs = [f"{folder}/bin/{one}" for one in ("initdb", "pg_isready", "postgres", "psql")]
    libraries = [f"{folder}/lib/{one}.so" for one in ("dict_snowball", "plpgsql")]
    make(
        name,
        f"ENV PATH={folder}/bin:/bin",
        'ENTRYPOINT ["/bin/starts"]',
        "VOLUME /var/lib/postgresql/data",
        programs=[*programs, "/usr/bin/setpriv"],
        folders=(f"/usr/share/postgresql/{folder.name}", "/usr/share/zoneinfo/UTC", *libraries),
        texts={"bin/starts": POSTGRES_STARTS},
        own=("var/lib/postgresql/data", "var/run/postgresql"),
    )


def nginx(name: str) -> None:
    program = which("nginx")
    assert program
    make(
        name,
        f'CMD ["{program}", "-g", "daemon off;"]',
        programs=[program],
        texts={"etc/nginx/nginx.conf": NGINX, "etc/nginx/conf.d/default.conf": WELCOME},
        own=("var/lib/nginx", "var/log/nginx"),
    )
