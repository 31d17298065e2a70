"""The scenarios: what is asked, after what preparation, and by whom. A scenario of a service that is not in the cloud's
catalog is left out, so that this list can be longer than the cloud.
"""

import dataclasses
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from cloud import password_login
from kit.load import Cost, Meter, Request


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    service: str
    # Lays out what is needed and gives the request to repeat, or the requests to send once each, or what it measured itself.
    prepare: Callable[["Bench"], Request | list[Request] | Cost]
    connections: int = 8


JSON = {"Content-Type": "application/json"}


def first_logins(bench) -> list[Request]:
    """Users who never came before, so that each password is hashed."""
    names = [f"bench-user-{number}" for number in range(20)]
    reader = bench.get("identity", "/roles?name=reader")["roles"][0]["id"]
    for name in names:
        wish = {"user": {"name": name, "domain_id": "default", "password": f"secret-{name}"}}
        user = bench.post("identity", "/users", wish)["user"]["id"]
        bench.put("identity", f"/projects/{bench.project}/users/{user}/roles/{reader}")
    url = bench.url("identity", "/auth/tokens")
    return [Request("POST", url, JSON, password_login(name, f"secret-{name}", "admin")) for name in names]


def repeated_login(bench) -> Request:
    return Request(
        "POST", bench.url("identity", "/auth/tokens"), JSON, password_login("admin", bench.password, "admin")
    )


def validation(bench) -> Request:
    return bench.request("GET", "identity", "/auth/tokens", {"X-Subject-Token": bench.token})


def validation_among_revocations(bench) -> Request:
    """A million tokens were revoked by another process; this one takes them in, and then is measured."""
    with sqlite3.connect(bench.cloud.data / "martlet.db", timeout=60) as store:
        now = int(time.time() * 1e6)
        rows = ((f"{number:022d}", now, now + 86_400_000_000) for number in range(1_000_000))
        store.executemany("INSERT INTO revocation (audit_id, issued_before, ends_at) VALUES (?, ?, ?)", rows)
        store.execute("UPDATE identity_change SET number = number + 1")
    time.sleep(20)
    return validation(bench)


def thousand_projects(bench) -> Request:
    for number in range(1000):
        bench.post("identity", "/projects", {"project": {"name": f"bench-{number}", "domain_id": "default"}})
    return bench.request("GET", "identity", "/projects")


def hundred_images(bench) -> Request:
    for number in range(100):
        bench.post("image", "/v2/images", {"name": f"bench-{number}", "disk_format": "raw", "container_format": "bare"})
    return bench.request("GET", "image", "/v2/images?limit=100")


def new_image(bench, name: str) -> str:
    return bench.post("image", "/v2/images", {"name": name, "disk_format": "raw", "container_format": "bare"})["id"]


def upload(bench) -> list[Request]:
    kind = {"X-Auth-Token": bench.token, "Content-Type": "application/octet-stream"}
    images = [new_image(bench, "bench-gigabyte") for _ in range(3)]
    return [Request("PUT", bench.url("image", f"/v2/images/{image}/file"), kind, bench.gigabyte) for image in images]


def download(bench) -> list[Request]:
    image = bench.get("image", "/v2/images?name=bench-gigabyte&status=active")["images"][0]["id"]
    return [bench.request("GET", "image", f"/v2/images/{image}/file")] * 3


def thousand_networks(bench) -> Request:
    bench.put("network", f"/v2.0/quotas/{bench.project}", {"quota": {"network": -1, "port": -1, "subnet": -1}})
    for part in range(10):
        wish = {"networks": [{"name": f"bench-{part}-{number}"} for number in range(100)]}
        bench.post("network", "/v2.0/networks", wish)
    return bench.request("GET", "network", "/v2.0/networks")


def ports(bench) -> list[Request]:
    network = home_network(bench)
    wish = {"port": {"network_id": network}}
    return [bench.request("POST", "network", "/v2.0/ports", body=wish) for _ in range(200)]


def home_network(bench) -> str:
    """A network with room for two thousand, made once."""
    if found := bench.get("network", "/v2.0/networks?name=bench-home")["networks"]:
        return found[0]["id"]
    network = bench.post("network", "/v2.0/networks", {"network": {"name": "bench-home"}})["network"]["id"]
    subnet = {"network_id": network, "ip_version": 4, "cidr": "10.40.0.0/16"}
    bench.post("network", "/v2.0/subnets", {"subnet": subnet})
    return network


def thousand_volumes(bench) -> Request:
    quota = {"quota_set": {"volumes": -1, "gigabytes": -1}}
    bench.put("block-storage", f"/os-quota-sets/{bench.project}", quota)
    for number in range(1000):
        bench.post("block-storage", "/volumes", {"volume": {"name": f"bench-{number}", "size": 1}})
    return bench.request("GET", "block-storage", "/volumes/detail?limit=1000")


class Boots:
    """Servers of the simulated kind: one network, one small image."""

    def __init__(self, bench):
        self.bench = bench
        quota = {"quota_set": {"instances": -1, "cores": -1, "ram": -1}}
        bench.put("compute", f"/os-quota-sets/{bench.project}", quota)
        bench.put("network", f"/v2.0/quotas/{bench.project}", {"quota": {"network": -1, "port": -1, "subnet": -1}})
        self.network = home_network(bench)
        self.image = new_image(bench, "bench-small")
        kind = {"X-Auth-Token": bench.token, "Content-Type": "application/octet-stream"}
        bench.send(Request("PUT", bench.url("image", f"/v2/images/{self.image}/file"), kind, "x" * 4096))
        flavor = {"name": f"bench-{self.image}", "ram": 64, "vcpus": 1, "disk": 1}
        self.flavor = bench.post("compute", "/flavors", {"flavor": flavor})["flavor"]["id"]

    def start(self, name: str) -> str:
        wish = {"name": name, "imageRef": self.image, "flavorRef": self.flavor, "networks": [{"uuid": self.network}]}
        return self.bench.post("compute", "/servers", {"server": wish})["server"]["id"]

    def wait(self, server: str) -> bool:
        """Whether it came up; asked every 10 ms, which is in the figures."""
        for _ in range(6000):
            status = self.bench.get("compute", f"/servers/{server}")["server"]["status"]
            if status != "BUILD":
                return status == "ACTIVE"
            time.sleep(0.01)
        return False


def boots_one_at_a_time(bench) -> Cost:
    boots, latencies, refused = Boots(bench), [], 0
    # What is done once in a process's life, as to prepare statements, is not what a boot costs.
    for number in range(10):
        boots.wait(boots.start(f"bench-first-{number}"))
    with Meter(bench.cloud.pid) as meter:
        for number in range(50):
            at = time.monotonic()
            refused += not boots.wait(boots.start(f"bench-{number}"))
            latencies.append((time.monotonic() - at) * 1000)
    return meter.cost(latencies, refused)


def boots_at_once(bench) -> Cost:
    boots, refused = Boots(bench), 0
    with Meter(bench.cloud.pid) as meter, ThreadPoolExecutor(16) as many:
        at = time.monotonic()
        servers = list(many.map(boots.start, [f"bench-at-once-{number}" for number in range(100)]))
        latencies = []
        for server in servers:
            refused += not boots.wait(server)
            latencies.append((time.monotonic() - at) * 1000)
    return meter.cost(latencies, refused)


def one_server(bench) -> Request:
    server = bench.get("compute", "/servers?limit=1")["servers"][0]["id"]
    return bench.request("GET", "compute", f"/servers/{server}")


def thousand_servers(bench, path: str) -> Request:
    there = len(bench.get("compute", "/servers?limit=1000")["servers"])
    if there < 1000:
        boots = Boots(bench)
        with ThreadPoolExecutor(16) as many:
            servers = list(many.map(boots.start, [f"bench-more-{number}" for number in range(1000 - there)]))
        for server in servers:
            boots.wait(server)
    return bench.request("GET", "compute", path)


SCENARIOS = [
    Scenario("version document", "identity", lambda bench: Request("GET", bench.url("identity"))),
    Scenario("token validate", "identity", validation),
    Scenario("token validate, a million revoked", "identity", validation_among_revocations),
    Scenario("token issue, password seen before", "identity", repeated_login),
    Scenario("token issue, first login", "identity", first_logins),
    Scenario("list 1,000 projects", "identity", thousand_projects, connections=2),
    Scenario("list 100 images", "image", hundred_images, connections=2),
    Scenario("upload an image, a gigabyte", "image", upload),
    Scenario("download an image, a gigabyte", "image", download),
    Scenario("list 1,000 networks", "network", thousand_networks, connections=2),
    Scenario("create a port", "network", ports),
    Scenario("list 1,000 volumes with details", "block-storage", thousand_volumes, connections=2),
    Scenario("boot, one at a time", "compute", boots_one_at_a_time),
    Scenario("boot, 100 at once", "compute", boots_at_once),
    Scenario("show a server", "compute", one_server),
    Scenario("list 1,000 servers", "compute", lambda b: thousand_servers(b, "/servers?limit=1000"), connections=2),
    Scenario(
        "list 1,000 servers with details", "compute", lambda b: thousand_servers(b, "/servers/detail?limit=1000"), 2
    ),
]
