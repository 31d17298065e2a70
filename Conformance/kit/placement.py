"""Placement's own conversations: 31 files of HTTP, each of which builds on what the one before it in the file did."""

import pathlib
import subprocess

from kit.results import Result

INSIDE = pathlib.Path(__file__).resolve().parents[1] / "inside"


def run(home: pathlib.Path, environment: dict[str, str], limit: float, log: pathlib.Path) -> list[Result]:
    command = [home / "bin/python", INSIDE / "gabbi_placement.py", home / "source"]
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as errors:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            timeout=limit,
        )
    if done.returncode != 0:
        raise RuntimeError(log.read_text()[-2000:])
    rows = [line.split("\t") for line in done.stdout.splitlines() if line.count("\t") == 3]
    return [Result(name, outcome, float(seconds), reason) for outcome, name, seconds, reason in rows]
