"""Load: the same request over and over by wrk, or one request after another from here."""

import dataclasses
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time
import urllib.parse

from kit.process import cpu_seconds

SCRIPT = pathlib.Path(__file__).with_name("wrk.lua")


@dataclasses.dataclass(frozen=True)
class Request:
    method: str
    url: str
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: str | pathlib.Path = ""


@dataclasses.dataclass(frozen=True)
class Cost:
    """What requests cost: CPU of the server in µs each, latencies in ms, requests a second, each with its spread."""

    requests: int
    cpu_us: float
    p50_ms: float
    p99_ms: float
    per_second: float
    spread: tuple[float, float]
    refused: int = 0


def hammer(request: Request, pid: int, connections: int, seconds: float, rounds: int) -> Cost:
    """wrk keeps `connections` busy; the median round counts, the spread is that of requests a second."""
    hammer_once(request, pid, connections, 1)
    costs = [hammer_once(request, pid, connections, seconds) for _ in range(rounds)]
    rates = [cost.per_second for cost in costs]
    middle = sorted(costs, key=lambda cost: cost.cpu_us)[len(costs) // 2]
    return dataclasses.replace(
        middle,
        per_second=statistics.median(rates),
        spread=(min(rates), max(rates)),
        refused=sum(c.refused for c in costs),
    )


def hammer_once(request: Request, pid: int, connections: int, seconds: float) -> Cost:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write("\n".join([request.method, *(f"{name}: {value}" for name, value in request.headers.items())]))
        file.write(f"\n\n{request.body}")
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "-s", SCRIPT, request.url]
        before = cpu_seconds(pid)
        done = subprocess.run(
            command, env=os.environ | {"REQUEST": file.name}, capture_output=True, text=True, check=True
        )
        spent = cpu_seconds(pid) - before
    said = json.loads(done.stdout.splitlines()[-1])
    if said["requests"] == 0:
        raise RuntimeError(f"no answer to {request.method} {request.url} in {seconds:g} s")
    requests = said["requests"]
    rate = requests / said["seconds"]
    return Cost(requests, spent / requests * 1e6, said["p50"], said["p99"], rate, (rate, rate), said["refused"])


class Meter:
    """Reads what the server spends between entering and leaving."""

    def __init__(self, pid: int):
        self.pid = pid

    def __enter__(self) -> "Meter":
        self.cpu, self.begun = cpu_seconds(self.pid), time.monotonic()
        return self

    def __exit__(self, *_) -> None:
        self.seconds, self.spent = time.monotonic() - self.begun, cpu_seconds(self.pid) - self.cpu

    def cost(self, latencies: list[float], refused: int = 0) -> Cost:
        """The cost of one of those that took `latencies` ms."""
        count, ordered = len(latencies), sorted(latencies)
        rate, late = count / self.seconds, ordered[min(count - 1, int(count * 0.99))]
        middle = statistics.median(ordered)
        return Cost(count, self.spent / count * 1e6, middle, late, rate, (rate, rate), refused)


def each(requests: list[Request], pid: int) -> Cost:
    """Every request once, in order, on one connection."""
    address = urllib.parse.urlsplit(requests[0].url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=300)
    latencies, refused = [], 0
    with Meter(pid) as meter:
        for request in requests:
            at = time.monotonic()
            send(connection, request)
            answer = connection.getresponse()
            while answer.read(1 << 20):
                pass
            refused += answer.status >= 400
            latencies.append((time.monotonic() - at) * 1000)
    connection.close()
    return meter.cost(latencies, refused)


def send(connection: http.client.HTTPConnection, request: Request) -> None:
    target = urllib.parse.urlsplit(request.url)
    path = target.path + (f"?{target.query}" if target.query else "")
    if isinstance(request.body, pathlib.Path):
        with open(request.body, "rb") as file:
            size = {"Content-Length": str(request.body.stat().st_size)}
            connection.request(request.method, path, file, request.headers | size)
    else:
        connection.request(request.method, path, request.body or None, request.headers)
