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

from kit.load import Cost, Request, each, hammer


@contextlib.contextmanager
def nginx(place: pathlib.Path, port: int, reply: bytes):
    """One worker that answers / with `reply` from memory, and files of `place` by sendfile."""
    quoted = reply.decode().replace("\\", "\\\\").replace("'", "\\'")
    config = place / "nginx.conf"
    # As root, the worker would become somebody who may not read the files.
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(f"""{user} daemon off; worker_processes 1; pid {place}/nginx.pid; error_log {place}/nginx.log;
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
        }}""")
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


def file_by_sendfile(file: pathlib.Path, port: int, times: int = 3) -> Cost:
    """A file to one client, several times."""
    with nginx(file.parent, port, b"{}") as (pid, url):
        return each([Request("GET", f"{url}/files/{file.name}")] * times, pid)


def write_gigabyte(file: pathlib.Path) -> Cost:
    """A gigabyte written, until it is on the disk."""
    return once("dd", "if=/dev/urandom", f"of={file}", "bs=1M", "count=1024", "conv=fsync", "status=none")


def hash_gigabyte(file: pathlib.Path) -> Cost:
    """The two hashes that an image has."""
    both = 'openssl dgst -sha512 "$0" && openssl dgst -md5 "$0"'
    return once("sh", "-c", both, file)


def once(*command) -> Cost:
    """What a command costs, itself and its children."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begun
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(1, spent * 1e6, took * 1000, took * 1000, 1 / took, (1 / took, 1 / took))


def machine() -> str:
    model = next(line for line in open("/proc/cpuinfo") if line.startswith("model name")).split(":")[1].strip()
    return f"{os.cpu_count()} × {model}, Linux {os.uname().release}"
