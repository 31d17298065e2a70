"""Sends a service what its own OpenAPI calls wrong, and right things at their edges. No answer may be a 5xx, and what is
refused is refused in the service's own words. First the OpenAPI itself has to be valid."""

import os
import pathlib
import subprocess
import time
import xml.etree.ElementTree

from cloud import BINARY, Cloud
from kit.results import Result

INSIDE = pathlib.Path(__file__).resolve().parents[1] / "inside"
PER_OPERATION = 8  # requests for one operation made up at random; those at every edge come on top, where there is time
SEED = "20262"  # the same requests every time, so that the ratchet compares like with like
CHECKS = "no_failure_of_the_services,refused_in_the_services_words"
LONGEST = 900  # seconds for one service, however much time there is
ENOUGH = 400  # seconds for the edges of one service, of which there are some forty an operation


def run(service: str, home: pathlib.Path, work: pathlib.Path, cloud: Cloud, limit: float) -> list[Result]:
    """Whether the description is valid, and one result for each operation of the service."""
    work.mkdir(parents=True, exist_ok=True)
    description, report, log = (work / f"{service}.{kind}" for kind in ("json", "xml", "log"))
    described = subprocess.run([BINARY, "openapi", service], capture_output=True, text=True)
    if described.returncode != 0:
        raise RuntimeError(f"`martlet openapi {service}` said {described.returncode}: {described.stderr}")
    description.write_text(described.stdout)
    results = [valid(service, home, description)]
    token, _ = cloud.administrator()
    command = [home / "bin/schemathesis", "run", description, "--origin", cloud.url, "-H", f"X-Auth-Token: {token}"]
    phases = "coverage,fuzzing" if limit >= ENOUGH else "fuzzing"
    command += ["--checks", CHECKS, "--phases", phases, "--continue-on-failure", "--no-shrink"]
    command += ["-n", str(PER_OPERATION), "--seed", SEED, "--generation-database", "none", "--warnings", "off"]
    command += ["--request-timeout", "30", "--suppress-health-check", "all", "--no-color"]
    command += ["--report", "junit", "--report-junit-path", report]
    hooks = {"SCHEMATHESIS_HOOKS": "error_shapes", "PYTHONPATH": str(INSIDE), "SERVICE": service}
    with open(log, "wb") as out:
        tested = subprocess.Popen(
            command, cwd=work, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=os.environ | hooks
        )
        begun = time.monotonic()
        try:
            tested.wait(min(limit, LONGEST))
        except subprocess.TimeoutExpired:
            # Interrupted, it writes its report of what it has come to.
            tested.send_signal(2)
            tested.wait(60)
            results.append(Result(f"{service}: in time", "failed", time.monotonic() - begun, "it was interrupted"))
    if not report.exists():
        raise RuntimeError(log.read_text(errors="replace")[-2000:])
    return results + [result(service, case) for case in xml.etree.ElementTree.parse(report).iter("testcase")]


def valid(service: str, home: pathlib.Path, description: pathlib.Path) -> Result:
    command = [home / "bin/openapi-spec-validator", "--schema", "3.1", "--validation-errors", "all", description]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120)
    outcome = "passed" if said.returncode == 0 else "failed"
    return Result(f"{service}: its OpenAPI is valid", outcome, 0, " ".join((said.stdout + said.stderr).split())[:500])


def result(service: str, case: xml.etree.ElementTree.Element) -> Result:
    name, seconds = f"{service}: {case.get('name')}", float(case.get("time", 0))
    for kind, outcome in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        if (said := case.find(kind)) is not None:
            reason = " ".join((said.text or said.get("message") or "").split())
            return Result(name, outcome, seconds, reason[:500])
    return Result(name, "passed", seconds)
