"""Gives the cloud secrets of every kind that it takes or makes, and then looks for them: in its files, its log, its
database with the traces in it, and in the words of its processes. None may stand there as it was given."""

import base64
import contextlib
import json
import pathlib
import subprocess
import urllib.error
import urllib.request

from cloud import Cloud, password_login
from kit.results import Result

# What a cloud writes for its owner to log in with, and its own keys: both are meant to hold secrets.
MEANT_TO = ("clouds.yaml", "openrc", "keys")


def run(cloud: Cloud) -> list[Result]:
    secrets = gather(cloud)
    places = list(files(cloud)) + list(processes(cloud))
    # A look that finds nothing at all has not looked.
    has_looked = any(b"keeper" in text for _, text in places)
    results = [Result("secrets: what is no secret is found", "passed" if has_looked else "failed")]
    for kind, secret in secrets.items():
        found = sorted({name for name, text in places if any(form in text for form in forms(secret))})
        reason = f"found in {', '.join(found)}" if found else ""
        results.append(Result(f"secrets: {kind}", "failed" if found else "passed", 0, reason))
    return results


def gather(cloud: Cloud) -> dict[str, str]:
    """Each kind of secret with one that the cloud now knows."""
    token, catalog = cloud.administrator()
    identity, compute = catalog["identity"], catalog["compute"]

    def ask(method: str, url: str, body: dict | None = None) -> dict:
        headers = {"X-Auth-Token": token, "Content-Type": "application/json"}
        text = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url, text, headers, method=method), timeout=60) as answer:
            read = answer.read()
            return json.loads(read) if read else {}

    me = ask("GET", f"{identity}/users?name=admin")["users"][0]["id"]
    project = ask("GET", f"{identity}/projects?name=admin")["projects"][0]["id"]
    secrets = {"the administrator's password": cloud.password, "a token": token}

    user = {"name": "keeper", "password": "first-Password-of-keeper"}
    keeper = ask("POST", f"{identity}/users", {"user": user})["user"]["id"]
    change = {"original_password": user["password"], "password": "second-Password-of-keeper"}
    ask("POST", f"{identity}/users/{keeper}/password", {"user": change})
    secrets |= {"a password": user["password"], "a changed password": change["password"]}

    wrong = urllib.request.Request(
        f"{identity}/auth/tokens",
        password_login("keeper", "wrong-Password-of-keeper", "admin").encode(),
        {"Content-Type": "application/json"},
    )
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(wrong, timeout=60)
    secrets["a wrong password"] = "wrong-Password-of-keeper"

    blob = {"user_id": me, "project_id": project, "type": "totp", "blob": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}
    ask("POST", f"{identity}/credentials", {"credential": blob})
    secrets["a credential"] = blob["blob"]
    key = ask("POST", f"{identity}/users/{me}/credentials/OS-EC2", {"tenant_id": project})
    secrets["an EC2 secret"] = key["credential"]["secret"]
    made = ask("POST", f"{identity}/users/{me}/application_credentials", {"application_credential": {"name": "robot"}})
    secrets["an application credential's secret"] = made["application_credential"]["secret"]

    domain = ask("POST", f"{identity}/domains", {"domain": {"name": "kept"}})["domain"]["id"]
    settings = {"ldap": {"url": "ldap://kept.example", "password": "directory-Password-of-keeper"}}
    ask("PUT", f"{identity}/domains/{domain}/config", {"config": settings})
    secrets["a directory's password"] = settings["ldap"]["password"]
    consumer = ask("POST", f"{identity}/OS-OAUTH1/consumers", {"consumer": {"description": "keeper's"}})["consumer"]
    secrets["a consumer's secret"] = consumer["secret"]

    wish = {"name": "vault", "ram": 64, "vcpus": 1, "disk": 1}
    flavor = ask("POST", f"{compute}/flavors", {"flavor": wish})["flavor"]["id"]
    image, password = "00000000-0000-4000-8000-000000000000", "server-Password-of-keeper"
    server = {"name": "vault", "flavorRef": flavor, "imageRef": image, "networks": "none", "adminPass": password}
    with contextlib.suppress(urllib.error.HTTPError):  # There is no such image; the request was read all the same.
        ask("POST", f"{compute}/servers", {"server": server})
    secrets["a server's password"] = password

    keypair = ask("POST", f"{compute}/os-keypairs", {"keypair": {"name": "secret"}})["keypair"]
    secrets["a private key"] = "".join(keypair["private_key"].splitlines()[2:4])

    # Refused: what is wrong about a request is told, and not what was in it.
    refused = {"user": {"name": 7, "password": "refused-Password-of-keeper"}}
    with contextlib.suppress(urllib.error.HTTPError):
        ask("POST", f"{identity}/users", refused)
    secrets["a password in a refused request"] = refused["user"]["password"]
    return secrets


def forms(secret: str) -> list[bytes]:
    """As it is, and as it looks inside of something that was encoded."""
    plain = secret.encode()
    encoded = base64.b64encode(plain).rstrip(b"=")
    return [plain, plain.hex().encode(), encoded[: len(encoded) // 4 * 4]]


def files(cloud: Cloud):
    """What the cloud has written, the log among it."""
    yield "the log", cloud.log.read_bytes()
    for file in sorted(cloud.data.rglob("*")):
        name = file.relative_to(cloud.data)
        if file.is_file() and name.parts[0] not in MEANT_TO:
            yield str(name), file.read_bytes()


def processes(cloud: Cloud):
    """The arguments of the cloud's processes, which everybody on the machine can read."""
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(cloud.pid)], capture_output=True, text=True)
    for pid in [str(cloud.pid), *children.stdout.split()]:
        with contextlib.suppress(OSError):
            yield f"the arguments of process {pid}", pathlib.Path("/proc", pid, "cmdline").read_bytes()
