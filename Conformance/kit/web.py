"""A web server on this machine with the guest's image, for what is fetched or named by its URL."""

import contextlib
import functools
import http.server
import pathlib
import socket
import threading


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def own_address() -> str:
    """Where others would reach this machine: images are never fetched from a loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]


@contextlib.contextmanager
def serving(file: pathlib.Path):
    """The knob that says where `file` is to be had; none where nobody may listen on port 80."""
    try:
        address = own_address()
        handler = functools.partial(Quiet, directory=str(file.parent))
        server = http.server.ThreadingHTTPServer((address, 80), handler)
    except OSError:
        yield {}
        return
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {"HTTP_IMAGE": f"http://{address}/{file.name}"}
    finally:
        server.shutdown()
        server.server_close()
