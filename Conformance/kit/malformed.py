"""Sends a service what its own OpenAPI calls wrong, and right things at their edges. No answer may be a 5xx."""

import pathlib
import subprocess
import xml.etree.ElementTree

from cloud import BINARY, Cloud
from kit.results import Result

PER_OPERATION = 60  # requests for one operation in each phase
SEED = "20262"  # the same requests every time, so that the ratchet compares like with like


def run(service: str, home: pathlib.Path, work: pathlib.Path, cloud: Cloud, limit: float) -> list[Result]:
    """One result for each operation of the service."""
    work.mkdir(parents=True, exist_ok=True)
    description, report = work / f"{service}.json", work / f"{service}.xml"
    described = subprocess.run([BINARY, "openapi", service], capture_output=True, text=True)
    if described.returncode != 0:
        raise RuntimeError(f"`martlet openapi {service}` said {described.returncode}: {described.stderr}")
    description.write_text(described.stdout)
    token, _ = cloud.administrator()
    command = [home / "bin/schemathesis", "run", description, "--origin", cloud.url, "-H", f"X-Auth-Token: {token}"]
    command += ["--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing", "--continue-on-failure"]
    command += ["-n", str(PER_OPERATION), "--seed", SEED, "--generation-database", "none", "--warnings", "off"]
    command += ["--request-timeout", "10", "--max-time", str(int(limit)), "--no-color"]
    command += ["--report", "junit", "--report-junit-path", report]
    with open(work / f"{service}.log", "wb") as log:
        subprocess.run(command, cwd=work, stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=limit + 60)
    if not report.exists():
        raise RuntimeError((work / f"{service}.log").read_text(errors="replace")[-2000:])
    return [result(service, case) for case in xml.etree.ElementTree.parse(report).iter("testcase")]


def result(service: str, case: xml.etree.ElementTree.Element) -> Result:
    name, seconds = f"{service}: {case.get('name')}", float(case.get("time", 0))
    for kind, outcome in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        if (said := case.find(kind)) is not None:
            reason = " ".join((said.text or said.get("message") or "").split())
            return Result(name, outcome, seconds, reason[:500])
    return Result(name, "passed", seconds)
