"""What the same machine does in the same run without Martlet: nginx for a static reply and a file, dd and openssl."""

import contextlib
import http.client
import os
import pathlib
import resource
import signal
import subprocess
import tempfile
import time

from kit.load import Cost, Request, hammer
from kit.process import cpu_seconds

@contextlib.contextmanager
def nginx(place: pathlib.Path, port: int, reply: bytes):
    """One worker that answers / with `reply` from memory, and files of `place` by sendfile."""
    quoted = reply.decode().replace("\\", "\\\\").replace("'", "\\'")
    config = place / "nginx.conf"
    # As root, the worker would become somebody who may not read the files.
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(
        f"""{user} daemon off; worker_processes 1; pid {place}/nginx.pid; error_log {place}/nginx.log;
        events {{ worker_connections 1024; }}
        http {{
            access_log off; sendfile on; keepalive_requests 100000000;
            client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
            uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
            server {{
                listen 127.0.0.1:{port};
                location = / {{ default_type application/json; return 200 '{quoted}'; }}
                location /files/ {{ alias {place}/; }}
            }}
        }}"""
    )
    server = subprocess.Popen(["/usr/sbin/nginx", "-c", config, "-e", place / "nginx.log"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", port)
                connection.request("GET", "/")
                connection.getresponse().read()
                break
            time.sleep(0.01)
        yield server.pid, f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def static_reply(port: int, reply: bytes, connections: int, seconds: float, rounds: int) -> Cost:
    with tempfile.TemporaryDirectory() as place, nginx(pathlib.Path(place), port, reply) as (pid, url):
        return hammer(Request("GET", url + "/"), pid, connections, seconds, rounds)


def file_by_sendfile(place: pathlib.Path, port: int, times: int = 3) -> float:
    """Seconds of nginx's CPU for a gigabyte to one client."""
    with nginx(place, port, b"{}") as (pid, url):
        before = cpu_seconds(pid)
        for _ in range(times):
            subprocess.run(["curl", "-sf", "-o", "/dev/null", f"{url}/files/gigabyte"], check=True)
        return (cpu_seconds(pid) - before) / times


def write_gigabyte(place: pathlib.Path) -> float:
    """Seconds until a gigabyte is on the disk."""
    begun = time.monotonic()
    where = f"of={place}/gigabyte"
    subprocess.run(
        ["dd", "if=/dev/zero", where, "bs=1M", "count=1024", "conv=fsync", "status=none"], check=True
    )
    return time.monotonic() - begun


def hash_gigabyte(place: pathlib.Path, kinds: tuple[str, ...] = ("sha512", "md5")) -> float:
    """Seconds of CPU that OpenSSL takes for the hashes an image has."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for kind in kinds:
        subprocess.run(["openssl", "dgst", f"-{kind}", place / "gigabyte"], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def machine() -> str:
    model = next(line for line in open("/proc/cpuinfo") if line.startswith("model name")).split(":")[1].strip()
    return f"{os.cpu_count()} × {model}, Linux {os.uname().release}"
