"""Kills the cloud with `kill -9` while real guests are made, plugged into, copied and removed, at several moments of each,
and kills guests themselves. After the next start everything comes to rest, and what is deleted then leaves nothing: no
process, no file, no network device, no port, no allocation, no quota."""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from cloud import Cloud
from kit.results import Result

# Parts of the time that the deed takes when nothing happens to it.
MOMENTS = (0.02, 0.1, 0.25, 0.5, 0.75, 0.95)
# How long after its start a cloud may take to bring everything to rest.
REST = 30
# What is on its way, and doesn't stay so.
PASSING = {"creating", "attaching", "detaching", "deleting", "reserved", "downloading", "queued", "saving", "importing"}


class Unsettled(Exception):
    """Something has not come to rest, or is left over."""


class API:
    """The cloud's services, asked by its administrator."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        self.token, self.services = cloud.administrator()

    def ask(self, method: str, service: str, path: str, body=None, headers=None):
        """What the answer holds; None: it isn't there."""
        headers = {"X-Auth-Token": self.token, "Content-Type": "application/json"} | (headers or {})
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        asked = urllib.request.Request(self.services[service] + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                read = answer.read()
                return json.loads(read) if read else {}
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise Unsettled(f"{method} {path}: {error.code} {error.read().decode(errors='replace')[:300]}") from None

    def servers(self) -> list[dict]:
        return self.ask("GET", "compute", "/servers/detail")["servers"]

    def volumes(self) -> list[dict]:
        return self.ask("GET", "block-storage", "/volumes/detail")["volumes"]

    def images(self) -> list[dict]:
        return self.ask("GET", "image", "/v2/images?limit=100")["images"]

    def restless(self) -> list[str]:
        """What is still on its way."""
        found = []
        for server in self.servers():
            task, status = server["OS-EXT-STS:task_state"], server["status"]
            if task or status in ("BUILD", "REBOOT", "DELETED"):
                found.append(f"server {server['name']} {status} {task or ''}")
        found += [f"volume {v['name']} {v['status']}" for v in self.volumes() if v["status"] in PASSING]
        found += [f"image {i['name']} {i['status']}" for i in self.images() if i["status"] in PASSING]
        return found


def until(what: Callable[[], list[str]], limit: float) -> float:
    """Waits until nothing is left of what is asked for, and says how long that took."""
    begun = time.monotonic()
    while left := what():
        if time.monotonic() - begun > limit:
            raise Unsettled(f"after {limit:.0f} s: {', '.join(left)}")
        time.sleep(0.05)
    return time.monotonic() - begun


@dataclasses.dataclass
class Stage:
    """What every deed is done with."""

    cloud: Cloud
    api: API
    image: str
    network: str
    flavor: str = "tiny"
    count: int = 0

    # MARK: Deeds

    def boot(self) -> str:
        self.count += 1
        server = {
            "name": f"s{self.count}", "imageRef": self.image, "flavorRef": self.flavor, "config_drive": True,
            "networks": [{"uuid": self.network}],
        }
        return self.api.ask("POST", "compute", "/servers", {"server": server})["server"]["id"]

    def status(self, server: str) -> str | None:
        found = self.api.ask("GET", "compute", f"/servers/{server}")
        return found and found["server"]["status"]

    def running(self, heeds: bool = False) -> str:
        """A server, and if so asked for one whose guest is up and heeds what is unplugged or pressed."""
        server = self.boot()
        until(lambda: [] if self.status(server) == "ACTIVE" else [f"server {self.status(server)}"], 120)
        if not heeds:
            return server
        until(lambda: [] if "agent up=" in self.console(server) else ["a guest that is not up"], 180)
        return server

    def console(self, server: str) -> str:
        said = self.api.ask("POST", "compute", f"/servers/{server}/action", {"os-getConsoleOutput": {}})
        return said["output"] if said else ""

    def volume(self) -> str:
        self.count += 1
        body = {"volume": {"name": f"v{self.count}", "size": 1}}
        volume = self.api.ask("POST", "block-storage", "/volumes", body)["volume"]["id"]
        until(self.api.restless, 30)
        return volume

    def act(self, server: str, action: dict) -> None:
        self.api.ask("POST", "compute", f"/servers/{server}/action", action)

    def attach(self, server: str, volume: str) -> None:
        body = {"volumeAttachment": {"volumeId": volume}}
        self.api.ask("POST", "compute", f"/servers/{server}/os-volume_attachments", body)

    # MARK: Ends

    def outcome(self) -> str:
        """What has come of everything. To be cut off is no reason to fail: whoever took the work over ends it well."""
        things = [("server", s["name"], s["status"]) for s in self.api.servers()]
        things += [("volume", v["name"], v["status"]) for v in self.api.volumes()]
        things += [("image", i["name"], i["status"]) for i in self.api.images() if i["id"] != self.image]
        said = ", ".join(f"{kind} {state}" for kind, _, state in things) or "nothing there"
        if any(state.lower() in ("error", "killed") for _, _, state in things):
            raise Unsettled(said)
        return said

    def restart(self) -> float:
        """Ends the cloud as a power cut would, starts it anew, and waits for it to come to rest."""
        self.cloud.kill()
        self.cloud.start()
        self.api = API(self.cloud)
        return until(self.api.restless, REST)

    def clear(self) -> None:
        """Deletes all that the deeds made; nothing of it may be left anywhere."""
        for server in self.api.servers():
            self.api.ask("DELETE", "compute", f"/servers/{server['id']}")
        until(lambda: [f"server {s['name']} {s['status']}" for s in self.api.servers()], REST)
        for volume in self.api.volumes():
            self.api.ask("DELETE", "block-storage", f"/volumes/{volume['id']}")
        for image in self.api.images():
            if image["id"] != self.image:
                self.api.ask("DELETE", "image", f"/v2/images/{image['id']}")
        until(lambda: [f"volume {v['name']} {v['status']}" for v in self.api.volumes()], REST)
        until(self.leftovers, REST)

    def leftovers(self) -> list[str]:
        data = self.cloud.data
        found = [f"folder servers/{file.name}" for file in (data / "servers").glob("*-*-*-*-*")]
        found += [f"file cache/{f.name}" for f in (data / "cache").glob("*") if f.name != self.image]
        found += [f"file volumes/{f.name}" for f in (data / "volumes").glob("*-*-*-*-*")]
        found += [f"process {pid}" for pid in guests(data)]
        ports = self.api.ask("GET", "network", "/v2.0/ports")["ports"]
        found += [f"port of {p['device_owner']}" for p in ports if p["device_owner"].startswith("compute:")]
        taps = {f"tap{p['id'][:11]}" for p in ports}
        ours = devices(self.network)
        if not ours and os.geteuid() == 0:
            found.append("no network of the cloud's own on this machine")
        found += [f"device {name}" for name in ours if name.startswith("tap") and name not in taps]
        providers = self.api.ask("GET", "placement", "/resource_providers")["resource_providers"]
        for provider in providers:
            held = self.api.ask("GET", "placement", f"/resource_providers/{provider['uuid']}/allocations")
            found += [f"allocation of {consumer}" for consumer in held["allocations"]]
        limits = self.api.ask("GET", "compute", "/limits")["limits"]["absolute"]
        used = ("totalInstancesUsed", "totalCoresUsed", "totalRAMUsed")
        found += [f"quota {name} {limits[name]}" for name in used if limits[name]]
        return found


def guests(data: pathlib.Path) -> list[int]:
    """Guests' processes that have something of this cloud's in their words."""
    found = []
    for words in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said = words.read_bytes()
        except OSError:
            continue
        if said.startswith((b"qemu-system", b"/usr/bin/qemu-system")) and str(data).encode() in said:
            found.append(int(words.parent.name))
    return found


def devices(network: str) -> list[str]:
    """The network devices that this cloud has marked as its own, as it has marked the bridge of that network."""
    links = json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, check=True).stdout)
    marks = {link["ifname"]: link.get("ifalias") for link in links}
    mark = marks.get(f"brq{network[:11]}")
    return [name for name, other in marks.items() if mark and other == mark]


# Each deed: what has to be there first, what is done, and what tells that it is done.
def booting(stage: Stage) -> tuple[Callable, Callable]:
    made = []
    return lambda: made.append(stage.boot()), stage.api.restless


def deleting(stage: Stage):
    server = stage.running()
    return lambda: stage.api.ask("DELETE", "compute", f"/servers/{server}"), lambda: stage.api.servers()


def attaching(stage: Stage):
    server, volume = stage.running(), stage.volume()
    return lambda: stage.attach(server, volume), stage.api.restless


def detaching(stage: Stage):
    server, volume = stage.running(heeds=True), stage.volume()
    stage.attach(server, volume)
    until(stage.api.restless, 60)
    path = f"/servers/{server}/os-volume_attachments/{volume}"
    return lambda: stage.api.ask("DELETE", "compute", path), stage.api.restless


def picturing(stage: Stage):
    server = stage.running()
    return lambda: stage.act(server, {"createImage": {"name": "picture"}}), stage.api.restless


def pictured(stage: Stage) -> list[str]:
    """What was promised comes: an answered request is not forgotten because somebody was cut off."""
    return [] if any(i["name"] == "picture" for i in stage.api.images()) else ["no picture"]


def stopping(stage: Stage):
    server = stage.running(heeds=True)
    return lambda: stage.act(server, {"os-stop": None}), stage.api.restless


DEEDS = {
    "boot": booting, "delete": deleting, "attach a volume": attaching, "detach a volume": detaching,
    "snapshot": picturing, "stop": stopping,
}


def undisturbed(stage: Stage, prepare: Callable) -> float:
    do, left = prepare(stage)
    begun = time.monotonic()
    do()
    until(left, 120)
    took = time.monotonic() - begun
    stage.clear()
    return took


def disturbed(stage: Stage, prepare: Callable, after: float) -> str:
    do, _ = prepare(stage)
    begun = time.monotonic()
    do()
    time.sleep(max(0, begun + after - time.monotonic()))
    rest = stage.restart()
    came = stage.outcome()
    if prepare is picturing and (left := pictured(stage)):
        raise Unsettled(f"{came}, {left[0]}")
    stage.clear()
    return f"at rest {rest:.1f} s after the start: {came}"


def killed(stage: Stage, at_rest: str) -> str:
    """The guest's process goes, as when memory runs out: the cloud says so, and starts it again when it is told."""
    server = stage.running()
    for pid in guests(stage.cloud.data):
        os.kill(pid, signal.SIGKILL)
    if at_rest == "with the cloud":
        stage.restart()
    until(lambda: [] if stage.status(server) == "SHUTOFF" else [f"server {stage.status(server)}"], REST)
    stage.act(server, {"os-start": None})
    until(lambda: [] if stage.status(server) == "ACTIVE" else [f"server {stage.status(server)}"], REST)
    stage.clear()
    return ""


def set_up(cloud: Cloud, guest: pathlib.Path) -> Stage:
    api = API(cloud)
    body = {"name": "guest", "disk_format": "qcow2", "container_format": "bare"}
    image = api.ask("POST", "image", "/v2/images", body)["id"]
    octets = {"Content-Type": "application/octet-stream"}
    api.ask("PUT", "image", f"/v2/images/{image}/file", (guest / "guest.qcow2").read_bytes(), octets)
    flavor = {"id": "tiny", "name": "tiny", "ram": 128, "disk": 1, "vcpus": 1}
    api.ask("POST", "compute", "/flavors", {"flavor": flavor})
    network = api.ask("POST", "network", "/v2.0/networks", {"network": {"name": "home"}})["network"]["id"]
    subnet = {"network_id": network, "ip_version": 4, "cidr": "10.9.0.0/24"}
    api.ask("POST", "network", "/v2.0/subnets", {"subnet": subnet})
    return Stage(cloud, api, image, network)


def run(cloud: Cloud, guest: pathlib.Path, limit: float, say: Callable[[str], None]) -> list[Result]:
    stage, results, end = set_up(cloud, guest), [], time.monotonic() + limit

    def result(name: str, body: Callable[[], str]) -> bool:
        begun = time.monotonic()
        if begun > end:
            results.append(Result(name, "failed", 0, "there was no time left for it"))
            return False
        try:
            outcome, said = "passed", body()
        except Exception as failure:  # Whatever it is, the other moments are worth a look.
            outcome, said = "failed", str(failure)
        results.append(Result(name, outcome, time.monotonic() - begun, said if outcome == "failed" else ""))
        say(f"{name}: {outcome} {said}")
        if outcome == "failed" and stage.cloud.process is None:
            stage.restart()
        return outcome == "passed"

    for name, prepare in DEEDS.items():
        took = 0.0

        def measure(prepare=prepare) -> str:
            nonlocal took
            took = undisturbed(stage, prepare)
            return f"took {took:.2f} s"

        if not result(f"{name}, undisturbed", measure):
            continue
        for part in MOMENTS:
            result(f"{name}, cut off at {part:.0%}", lambda p=prepare, t=took * part: disturbed(stage, p, t))
    for when in ("beside the cloud", "with the cloud"):
        result(f"a guest is killed {when}", lambda w=when: killed(stage, w))
    return results
