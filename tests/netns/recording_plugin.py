"""A plugin of CNI that writes down how it is run, and does what the file NAME.does beside it says, or what
the plugin NAME.is does."""

import json
import os
import signal
import subprocess
import sys
import time

HERE, NAME = os.path.split(sys.argv[0])
COMMAND = os.environ["CNI_COMMAND"]


def main() -> None:
    config = json.load(sys.stdin)
    line = {"plugin": NAME, "command": COMMAND, "config": config, "environment": dict(os.environ)}
    with open(f"{HERE}/log", "a") as log:
        log.write(json.dumps(line) + "\n")
    behave(way())
    if os.path.exists(f"{HERE}/{NAME}.is"):
        sys.exit(subprocess.run([f"{HERE}/{NAME}.is"], input=json.dumps(config).encode()).returncode)
    if COMMAND == "ADD":
        print(json.dumps(config.get("prevResult") or {"cniVersion": config["cniVersion"], "interfaces": []}))


def way() -> str:
    """`fail` of one file does so at ADD, `DEL fail` at DEL."""
    try:
        with open(f"{HERE}/{NAME}.does") as file:
            at, _, what = ("ADD " + file.read()).rpartition(" ")
    except FileNotFoundError:
        return ""
    return what if at.split()[-1] == COMMAND else ""


def behave(what: str) -> None:
    match what:
        case "fail":
            print(
                json.dumps({"cniVersion": "1.0.0", "code": 11, "msg": "no\x1b room", "details": "try later"})
            )
            sys.exit(1)
        case "hang":
            time.sleep(600)
        case "flood":
            while True:
                sys.stdout.write("x" * 65536)
        case "chatter":
            sys.stderr.write("y" * (2 << 20))
        case "lie":
            print("{not JSON")
            sys.exit(0)
        case "nest":
            print("[" * 200000)
            sys.exit(0)
        case "nothing":
            sys.exit(0)
        case "list":
            print("[1]")
            sys.exit(0)
        case "capitals":
            name = os.environ["CNI_IFNAME"]
            inside = ["ip", "-n", os.path.basename(os.environ["CNI_NETNS"])]
            for line in (f"link add {name} type bridge", f"addr add fd07::77/64 dev {name} nodad"):
                subprocess.run([*inside, *line.split()], check=True)
            there = {"name": name, "sandbox": os.environ["CNI_NETNS"]}
            ips = [{"address": "FD07:0::77/64", "interface": 0}]
            print(json.dumps({"cniVersion": "1.0.0", "interfaces": [there], "ips": ips}))
            sys.exit(0)
        case "absent":
            print(
                json.dumps({"interfaces": [{"name": os.environ["CNI_IFNAME"], "sandbox": "/proc/1/ns/net"}]})
            )
            sys.exit(0)
        case "odd":
            print(
                json.dumps({"interfaces": [1, {"name": []}], "ips": [{"interface": []}, "x", {"address": 5}]})
            )
            sys.exit(0)
        case "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "nameless":
            os.kill(os.getpid(), signal.SIGRTMIN + 6)
        case "end":
            sys.stderr.write("broken\n")
            sys.exit(3)


main()
