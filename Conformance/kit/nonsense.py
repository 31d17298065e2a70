"""Sends a whole cloud ten thousand requests that make no sense, twice, and looks at what that leaves behind: every one is
refused in the service's own words, and neither descriptors nor memory go with them. And clients that are slow."""

import json
import pathlib
import random
import re
import socket
import subprocess
import time
from collections.abc import Callable

from cloud import BINARY, Cloud
from inside.shapes import said
from kit.results import Result

REQUESTS = 10_000
SLOW = 300  # connections that never finish what they begin
GROWTH = 8 << 20  # bytes that memory may have grown by in the second round: what it keeps for reuse varies

# What no server may take for a request, or for two.
FRAMING = [
    b"nonsense\r\n\r\n",
    b"\0\0\0\0\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n",
    b"POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
    b"POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
    b"POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 2_000 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
]
NAMES = ["x", "%00", "%ff", "..%2f..", "a%0ab", "null", "0", "-1", "z" * 300, "6f1c1f6e-0b9c-4a0d-8f1f-0e0d0c0b0a09"]
TEXTS = ["{", "[]", "null", '"x"', '{"a": }', '{"a": 1, "a": 2}', '{"x": 1e999}', "[" * 2_000, '{"\\ud800": 1}', "a=b"]
WRONG = [None, "", "x", -1, True, [], {}, [[]], 1 << 62, "\0", "ü" * 70_000, {"x": {"y": None}}]


class Wire:
    """One connection, opened again when the server has closed it."""

    def __init__(self, port: int):
        self.port, self.socket, self.rest = port, None, b""

    def ask(self, request: bytes) -> tuple[int, bytes]:
        for attempt in range(2):
            fresh = self.socket is None
            if fresh:
                self.socket, self.rest = socket.create_connection(("127.0.0.1", self.port), timeout=30), b""
            try:
                try:
                    self.socket.sendall(request)
                except OSError:
                    pass  # It was refused before it was all said; the answer is there to be read.
                return self._answer(request.startswith(b"HEAD"))
            except OSError:
                self.close()
                if fresh or attempt:
                    raise

    def _answer(self, is_head: bool) -> tuple[int, bytes]:
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        words = head.decode("latin-1").lower()
        length = int(m[1]) if (m := re.search(r"content-length: (\d+)", words)) and not is_head else 0
        assert is_head or "transfer-encoding" not in words, "a refusal in chunks"
        while len(self.rest) < length:
            self._more()
        body, self.rest = self.rest[:length], self.rest[length:]
        if "connection: close" in words:
            self.close()
        return int(head.split(b" ", 2)[1]), body

    def _more(self) -> None:
        more = self.socket.recv(65_536)
        if not more:
            raise ConnectionResetError("closed without an answer")
        self.rest += more

    def close(self) -> None:
        if self.socket:
            self.socket.close()
        self.socket = None


class Nonsense:
    """Requests, drawn from a seed so that every run sends the same, each by the name of what is wrong with it."""

    def __init__(self, token: str, endpoints: list[tuple[str, str, str, bool]]):
        self.chance, self.token, self.endpoints = random.Random(20_262), token, endpoints
        self.takers = [endpoint for endpoint in endpoints if endpoint[3]]

    def all(self) -> dict[str, Callable[[], tuple[str, bytes]]]:
        return {
            "framing": lambda: ("", self.chance.choice(FRAMING)),
            "JSON": lambda: self.body(self.chance.choice(TEXTS)),
            "types": lambda: self.body(json.dumps(self.wrong(3))),
            "sizes": lambda: self.body(json.dumps({"a" * 1_000: "b" * self.chance.choice((10_000, 3_000_000))})),
            "unknown fields": lambda: self.body(json.dumps({self.chance.choice("abc"): {"no such field": 1}})),
            "tokens": lambda: self.one(self.chance.choice(self.endpoints), token=self.chance.choice(["", "x", "gAAAA"])),
            "methods": lambda: self.one((*self.chance.choice(self.endpoints)[:1], "BREW", *self.any_path(), False)),
            "versions": self.version,
        }

    def any_path(self) -> tuple[str]:
        return (self.chance.choice(self.endpoints)[2],)

    def wrong(self, depth: int):
        if depth == 0 or self.chance.random() < 0.3:
            return self.chance.choice(WRONG)
        return {name: self.wrong(depth - 1) for name in self.chance.sample(["server", "user", "name", "id", "port"], 2)}

    def one(self, endpoint, token: str | None = None, body: str = "", **headers) -> tuple[str, bytes]:
        service, method, path, _ = endpoint
        path = re.sub(r"\{[^}]*\}", lambda _: self.chance.choice(NAMES), path)
        lines = {"Host": "cloud", "X-Auth-Token": self.token if token is None else token} | headers
        if body:
            lines |= {"Content-Type": "application/json", "Content-Length": str(len(body.encode()))}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        return service, f"{method} /{service}{path} HTTP/1.1\r\n{head}\r\n{body}".encode()

    def body(self, text: str) -> tuple[str, bytes]:
        return self.one(self.chance.choice(self.takers), body=text)

    def version(self) -> tuple[str, bytes]:
        service = self.chance.choice(["compute", "placement", "volume"])
        endpoint = self.chance.choice([e for e in self.endpoints if e[0] == service])
        wish = self.chance.choice(["9.99", "0.1", "x", "2.x", "99999999999.1", "2.1.1"])
        return self.one(endpoint, OpenStack_API_Version=f"{service} {wish}")


def endpoints(services: list[str]) -> list[tuple[str, str, str, bool]]:
    """Service, method, path, and whether it wants a JSON body: those that want a token."""
    found = []
    for service in services:
        document = json.loads(subprocess.run([BINARY, "openapi", service], capture_output=True, check=True).stdout)
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if operation.get("security") != []:
                    takes = "application/json" in operation.get("requestBody", {}).get("content", {})
                    found.append((service, method.upper(), path, takes))
    return found


def descriptors(cloud: Cloud) -> int:
    return len(list(pathlib.Path(f"/proc/{cloud.pid}/fd").iterdir()))


def memory(cloud: Cloud) -> int:
    return int(re.search(r"Pss:\s+(\d+)", pathlib.Path(f"/proc/{cloud.pid}/smaps_rollup").read_text())[1]) << 10


def wrong_with(service: str, kind: str, request: bytes, status: int, body: bytes) -> str:
    """What is not as it should be of an answer; nothing if all is."""
    line = request.split(b"\r\n", 1)[0][:200].decode(errors="replace")
    # Some of it makes sense by chance: a method without a body that something can be made of.
    if status < 400:
        return f"{status} to {line}" if kind in ("framing", "JSON", "tokens", "versions") else ""
    if status >= 500 and status not in (501, 505):
        return f"{status} to {line}: {body[:200]!r}"
    if not service or status in (414, 431) or request.startswith(b"HEAD"):
        return ""
    try:
        said(service, status, body)
    except AssertionError as reason:
        return f"{line}: {reason}"
    return ""


def round_of(wire: Wire, nonsense: Nonsense) -> dict[str, list[str]]:
    """What was wrong with the answers, by the kind of request."""
    kinds = nonsense.all()
    faults: dict[str, list[str]] = {kind: [] for kind in kinds}
    for number in range(REQUESTS):
        kind = list(kinds)[number % len(kinds)]
        service, request = kinds[kind]()
        try:
            fault = wrong_with(service, kind, request, *wire.ask(request))
        except (OSError, AssertionError) as failure:
            wire.close()
            fault = f"{failure!r} to {request[:200]!r}"
        if fault:
            faults[kind].append(fault)
    wire.close()
    return faults


def bystanders_are_served(cloud: Cloud, token: str) -> str:
    """What is wrong while many clients are slow; nothing if others notice nothing."""
    slow = []
    for number in range(SLOW):
        wire = socket.create_connection(("127.0.0.1", cloud.port), timeout=30)
        half = b"GET /identity/v3 HTTP/1.1\r\nHo" if number % 2 else b"POST /identity/v3/users HTTP/1.1\r\nHost: a\r\n"
        wire.sendall(half if number % 2 else half + f"X-Auth-Token: {token}\r\nContent-Length: 100\r\n\r\n{{".encode())
        slow.append(wire)
    waits = []
    wire = Wire(cloud.port)
    for _ in range(100):
        begun = time.monotonic()
        status, _ = wire.ask(f"GET /identity/v3/projects HTTP/1.1\r\nHost: a\r\nX-Auth-Token: {token}\r\n\r\n".encode())
        waits.append(time.monotonic() - begun)
        if status != 200:
            return f"{status} while others are slow"
    for connection in slow:
        connection.close()
    wire.close()
    # Any server answers this in milliseconds; one that waits for others, never.
    return "" if max(waits) < 5 else f"one waited {max(waits):.1f} s"


def run(cloud: Cloud, services: list[str], log: pathlib.Path) -> list[Result]:
    token, _ = cloud.administrator()
    wire, nonsense = Wire(cloud.port), Nonsense(token, endpoints(services))
    before = descriptors(cloud)
    faults = round_of(wire, nonsense)
    used = memory(cloud)
    again = round_of(wire, nonsense)
    time.sleep(1)
    growth, left = memory(cloud) - used, descriptors(cloud) - before
    results = []

    def judge(name: str, fault: str) -> None:
        results.append(Result(name, "failed" if fault else "passed", 0, fault[:500]))

    for kind in faults:
        bad = faults[kind] + again[kind]
        judge(f"malformed {kind} are refused", f"{len(bad)}, the first: {bad[0]}" if bad else "")
    judge("no descriptor is left open", f"{left} more than before" if left > 0 else "")
    judge("memory does not grow", f"by {growth >> 10} kB in {REQUESTS} requests" if growth > GROWTH else "")
    judge("slow clients keep nobody waiting", bystanders_are_served(cloud, token))
    time.sleep(1)
    left = descriptors(cloud) - before
    judge("slow clients leave no descriptor open", f"{left} more than before" if left > 0 else "")
    errors = [line for line in log.read_text(errors="replace").splitlines() if " error: " in line]
    judge("nothing of it is an error of the cloud's", f"{len(errors)}, the first: {errors[0]}" if errors else "")
    return results
