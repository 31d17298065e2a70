"""A RabbitMQ of our own, for as long as it is needed, and what a bare client in C gets out of it."""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from cloud import free_port

HERE = pathlib.Path(__file__).resolve().parent
SERVER = pathlib.Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


@contextlib.contextmanager
def rabbitmq():
    """The port of a broker that nobody else uses."""
    port, names = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="martlet-broker-") as place:
        folder = pathlib.Path(place)
        (folder / "plugins").write_text("[].")
        surroundings = os.environ | {
            "HOME": place,
            "ERL_EPMD_PORT": str(names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"bench-{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": f"{place}/data",
            "RABBITMQ_LOG_BASE": f"{place}/log",
            "RABBITMQ_CONF_ENV_FILE": f"{place}/none",
            "RABBITMQ_CONFIG_FILE": f"{place}/none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{place}/plugins",
            # Its threads don't wait busily: who is measured needs the cores.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        }
        log = folder / "log.txt"
        epmd = subprocess.Popen(
            ["epmd", "-port", str(names), "-address", "127.0.0.1"], env=surroundings, stdout=subprocess.DEVNULL
        )
        with log.open("w") as output:
            server = subprocess.Popen(
                [SERVER], env=surroundings, stdout=output, stderr=output, start_new_session=True, cwd=place
            )
        try:
            for _ in range(600):
                if "completed with" in log.read_text():
                    break
                time.sleep(0.2)
            else:
                raise RuntimeError(f"the broker did not start: {log.read_text()[-500:]}")
            yield port
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()
            epmd.kill()
            epmd.wait()


def bare_call(port: int, count: int = 300, rounds: int = 5) -> float:
    """Microseconds of a call by librabbitmq, asker and answerer a process each."""
    with tempfile.TemporaryDirectory(prefix="martlet-bare-") as place:
        program = f"{place}/rabbit_call"
        subprocess.run(["cc", "-O2", "-o", program, HERE / "rabbit_call.c", "-lrabbitmq"], check=True)
        done = subprocess.run([program, str(port), str(count), str(rounds)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return float(done.stdout)
