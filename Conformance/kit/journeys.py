"""Runs journeys: scripts that use the real clients as a person would, and say what held in lines of TAP."""

import os
import pathlib
import re
import subprocess

from kit.results import Result

JOURNEYS = pathlib.Path(__file__).resolve().parents[1] / "journeys"
SAID = re.compile(r"(not )?ok \d+ - (.*?)(?: # (skip )?(.*))?$")


def run(
    journey: str, home: pathlib.Path, work: pathlib.Path, environment: dict[str, str], limit: float, say
) -> list[Result]:
    """The journey's tests. It says how many there are before it starts, so one that stops early cannot look whole."""
    work.mkdir(parents=True, exist_ok=True)
    log = work / f"{journey}.log"
    command = ["bash", JOURNEYS / f"{journey}.sh"]
    environment = environment | {"PATH": f"{home / 'bin'}:{os.environ['PATH']}", "SCRATCH": str(work)}
    try:
        with open(log, "wb") as out:
            subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=limit)
    except subprocess.TimeoutExpired:
        say(f"{journey} was stopped after {limit:.0f} s")
    lines = log.read_text(errors="replace").splitlines()
    planned = next((int(m[1]) for line in lines if (m := re.match(r"1\.\.(\d+)$", line))), 1)
    results = []
    for match in filter(None, map(SAID.match, lines)):
        outcome = "failed" if match[1] else "skipped" if match[3] else "passed"
        results.append(Result(f"{journey}: {match[2]}", outcome, 0, match[4] or ""))
    for number in range(len(results), planned):
        results.append(Result(f"{journey}: test {number + 1}", "failed", 0, "did not run"))
    return results
