"""A fresh cloud for one measurement: started on a free port in a directory of its own, and ended with it."""

import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = pathlib.Path(os.environ.get("MARTLET", ROOT / ".build/release/martlet"))


class CloudFailure(Exception):
    """The cloud did not start, or did not stop, as it promises."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def password_login(user: str, password: str, project: str) -> str:
    """The body that asks for a token of a project of the default domain."""
    domain = {"id": "default"}
    who = {"name": user, "domain": domain, "password": password}
    scope = {"project": {"name": project, "domain": domain}}
    return json.dumps({"auth": {"identity": {"methods": ["password"], "password": {"user": who}}, "scope": scope}})


class Cloud:
    """`martlet up` as a child. Its directory goes when it stops; its log stays where `log` says."""

    def __init__(
        self,
        log: pathlib.Path,
        hypervisor: str,
        data: pathlib.Path | None = None,
        options: tuple[str, ...] = (),
        settings: dict[str, str] | None = None,
    ):
        self.log = log
        self.hypervisor = hypervisor
        self.options = options
        self.settings = settings or {}
        self.own_data = data is None
        self.data = data or pathlib.Path(tempfile.mkdtemp(prefix="martlet-"))
        self.port = free_port()
        self.password = secrets.token_urlsafe(12)
        self.seconds_to_ready = 0.0
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def environment(self) -> dict[str, str]:
        """What a client needs to find this cloud, and nothing of another cloud that the caller may be using."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
        return clean | {"OS_CLIENT_CONFIG_FILE": str(self.data / "clouds.yaml"), "OS_CLOUD": "martlet"}

    @property
    def identity(self) -> str:
        """Where clouds.yaml says that tokens are to be had, without the version."""
        text = (self.data / "clouds.yaml").read_text()
        return re.search(r"auth_url:\s*[\"']?([^\s\"',}]+)", text)[1].removesuffix("/v3").rstrip("/")

    def administrator(self) -> tuple[str, dict[str, str]]:
        """A token, and the public endpoint of every service by its type."""
        body = password_login("admin", self.password, "admin").encode()
        asked = urllib.request.Request(f"{self.identity}/v3/auth/tokens", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            token, catalog = answer.headers["X-Subject-Token"], json.load(answer)["token"]["catalog"]
        endpoints = {
            service["type"]: endpoint["url"].rstrip("/")
            for service in catalog
            for endpoint in service["endpoints"]
            if endpoint["interface"] == "public"
        }
        return token, endpoints | {"identity": f"{self.identity}/v3"}

    def start(self, limit: float = 60) -> "Cloud":
        if not BINARY.exists():
            raise CloudFailure(f"no {BINARY}: `make build` makes it")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [str(BINARY), "up", "--data", str(self.data), "--port", str(self.port)]
        command += ["--hypervisor", self.hypervisor, *self.options]
        # What is in it is what the suites make.
        environment = os.environ | {"MARTLET_ADMIN_PASSWORD": self.password, "MARTLET_STOCK_CREATE": "false"}
        environment |= self.settings
        begun = time.monotonic()
        with open(self.log, "ab") as output:
            start = output.tell()
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        while not self._said_ready(start):
            if self.process.poll() is not None:
                raise CloudFailure(
                    f"the cloud ended with {self.process.returncode} before it was ready:\n{self.tail()}"
                )
            if time.monotonic() - begun > limit:
                self.stop()
                raise CloudFailure(f"the cloud was not ready after {limit:.0f} s:\n{self.tail()}")
            time.sleep(0.002)
        self.seconds_to_ready = time.monotonic() - begun
        return self

    def _said_ready(self, start: int) -> bool:
        with open(self.log, "rb") as log:
            log.seek(start)
            return any(line.startswith(b"ready") for line in log)

    def tail(self, lines: int = 20) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, limit: float = 10) -> float:
        """Asks it to end, and says how long that took. Killing it is a failure of its own."""
        if self.process is None:
            return 0
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise CloudFailure(f"the cloud ignored SIGTERM for {limit:.0f} s:\n{self.tail()}") from None
        took = time.monotonic() - begun
        if self.process.returncode != 0:
            raise CloudFailure(f"the cloud ended with {self.process.returncode} when asked to stop:\n{self.tail()}")
        self.process = None
        return took

    def kill(self) -> None:
        """As a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self) -> "Cloud":
        try:
            return self.start()
        except BaseException:
            self._clear()
            raise

    def __exit__(self, kind, error, trace) -> None:
        try:
            self.kill() if kind else self.stop()
        finally:
            self._clear()

    def _clear(self) -> None:
        self.kill()
        for pid in self._left_behind():
            os.kill(pid, signal.SIGKILL)
        if self.own_data:
            shutil.rmtree(self.data, ignore_errors=True)

    def _left_behind(self) -> list[int]:
        """Guests and their helpers outlive the cloud that started them; this directory in their words tells them apart."""
        found = []
        for words in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if str(self.data).encode() in words.read_bytes() and int(words.parent.name) != os.getpid():
                    found.append(int(words.parent.name))
        return found
