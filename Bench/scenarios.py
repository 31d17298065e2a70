"""The scenarios: what is asked, after what preparation, and by whom. A scenario of a service that is not in the cloud's
catalog is left out, so that this list can be longer than the cloud.
"""

import dataclasses
from collections.abc import Callable

from cloud import password_login
from kit.load import Request


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    service: str
    # Lays out what is needed and gives the request to repeat, or the requests to send once each.
    prepare: Callable[["Bench"], Request | list[Request]]
    connections: int = 8


JSON = {"Content-Type": "application/json"}


def first_logins(bench) -> list[Request]:
    """Users who never came before, so that each password is hashed."""
    names = [f"bench-user-{number}" for number in range(20)]
    project = bench.get("identity", "/projects?name=admin")["projects"][0]["id"]
    reader = bench.get("identity", "/roles?name=reader")["roles"][0]["id"]
    for name in names:
        wish = {"user": {"name": name, "domain_id": "default", "password": f"secret-{name}"}}
        user = bench.post("identity", "/users", wish)["user"]["id"]
        bench.put("identity", f"/projects/{project}/users/{user}/roles/{reader}")
    url = bench.url("identity", "/auth/tokens")
    return [Request("POST", url, JSON, password_login(name, f"secret-{name}", "admin")) for name in names]


def repeated_login(bench) -> Request:
    return Request("POST", bench.url("identity", "/auth/tokens"), JSON, password_login("admin", bench.password, "admin"))


def validation(bench) -> Request:
    return bench.request("GET", "identity", "/auth/tokens", {"X-Subject-Token": bench.token})


def thousand_projects(bench) -> Request:
    for number in range(1000):
        bench.post("identity", "/projects", {"project": {"name": f"bench-{number}", "domain_id": "default"}})
    return bench.request("GET", "identity", "/projects")


SCENARIOS = [
    Scenario("version document", "identity", lambda bench: Request("GET", bench.url("identity"))),
    Scenario("token validate", "identity", validation),
    Scenario("token issue, password seen before", "identity", repeated_login),
    Scenario("token issue, first login", "identity", first_logins),
    Scenario("list 1,000 projects", "identity", thousand_projects, connections=2),
]
