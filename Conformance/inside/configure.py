"""Writes a tempest.conf by asking a cloud what it has. Run by Tempest's own python, with OS_CLOUD or OS_* set.

usage: python configure.py OUT.conf [--claim newest|advertised] [--offline]
  --claim newest      every feature is claimed, so that what the cloud lacks fails (default)
  --claim advertised  only what the cloud advertises is claimed: the rest is skipped
  --offline           asks no cloud: for listing tests and checking option names
Knobs in the environment: GUEST_IMAGE_FILE (uploaded where there is no image), GUEST_USER, GUEST_PASSWORD, GUEST_SSH=0
(nobody logs in to guests), HTTP_IMAGE, DASHBOARD_URL, DNS_NAMESERVERS, and TEMPEST_EXTRA='section.option=value;…',
which wins over everything.
"""

import argparse
import configparser
import os
import pathlib
import re
import sys
import urllib.parse

from core_options import core
from plugin_options import plugins

# [service_available] flag: the catalog's names for it, best first; the section that holds its catalog_type.
SERVICES = {
    "keystone": ("identity", ["identity"]),
    "nova": ("compute", ["compute"]),
    "glance": ("image", ["image"]),
    "neutron": ("network", ["network"]),
    "cinder": ("volume", ["block-storage", "volumev3", "block-store", "volume"]),
    "swift": ("object-storage", ["object-store"]),
    "placement": ("placement", ["placement"]),
    "heat": ("heat_plugin", ["orchestration"]),
    "designate": ("dns", ["dns"]),
    "barbican": ("key_manager", ["key-manager"]),
    "load_balancer": ("load_balancer", ["load-balancer"]),
    "manila": ("share", ["shared-file-system", "sharev2", "share"]),
    "zaqar": ("messaging", ["messaging", "message"]),
    "aodh": ("alarming_plugin", ["alarming", "alarm"]),
    "gnocchi": ("metric", ["metric"]),
    "ironic": ("baremetal", ["baremetal"]),
    "magnum": ("magnum", ["container-infra", "container-infrastructure-management"]),
    "trove": ("database", ["database"]),
    "ceilometer": (None, ["metering", "telemetry", "metric"]),
    "watcher": (None, ["infra-optim", "resource-optimization"]),
}


def knob(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


class Cloud:
    """What the cloud says of itself. What cannot be asked is missing, with a warning, and its tests will fail."""

    def __init__(self):
        import openstack

        self.connection = openstack.connect(cloud=knob("OS_CLOUD") or None, load_envvars=True)
        self.session = self.connection.session
        self.region = self.connection.config.get_region_name() or "RegionOne"
        self.auth = self.connection.config.config.get("auth", {})
        access = self.session.auth.get_access(self.session)
        self.catalog = {
            service["type"]: endpoint["url"]
            for service in access.service_catalog.catalog
            for endpoint in service["endpoints"]
            if endpoint.get("interface") == "public" and endpoint.get("region_id") in (self.region, None)
        }

    def kind(self, flag: str) -> str | None:
        return next((kind for kind in SERVICES[flag][1] if kind in self.catalog), None)

    def has(self, flag: str) -> bool:
        return self.kind(flag) is not None

    def ask(self, flag: str, question, default):
        """The answer to `question`, or the default where the service is missing or fails."""
        if not self.has(flag):
            return default
        try:
            return question(self.connection)
        except Exception as error:
            print(f"configure: {flag} did not answer: {type(error).__name__} {str(error)[:160]}", file=sys.stderr)
            return default

    def get(self, flag: str, path: str) -> dict:
        return self.session.get(self.catalog[self.kind(flag)].rstrip("/") + path).json()

    def newest(self, flag: str) -> str | None:
        """The newest microversion that the service's version document names."""

        def question(_):
            url = urllib.parse.urlsplit(self.catalog[self.kind(flag)])
            root = f"{url.scheme}://{url.netloc}" + re.sub(r"/v\d[^/]*(/.*)?$", "", url.path).rstrip("/") + "/"
            document = self.session.get(root, authenticated=False).json()
            versions = document.get("versions") or [document.get("version") or {}]
            found = [v.get("max_version") or v.get("version") for v in versions]
            return max(filter(None, found), key=lambda v: [int(n) for n in v.split(".")], default=None)

        return self.ask(flag, question, None)

    def images(self) -> list[str]:
        """Two images that boot, smallest first; uploaded where there are none."""

        def usable(connection):
            images = [i for i in connection.image.images() if i.status == "active"]
            images = [i for i in images if i.disk_format not in ("aki", "ari", "iso")]
            return sorted(images, key=lambda i: (i.visibility != "public", i.min_ram or 0, i.size or 0))

        images = self.ask("glance", usable, [])
        file = knob("GUEST_IMAGE_FILE")
        while file and self.has("glance") and len(images) < 2:
            name = f"guest-{len(images) + 1}"
            shape = {"disk_format": "qcow2" if is_qcow2(file) else "raw", "container_format": "bare"}
            upload = lambda c: c.create_image(name, filename=file, visibility="public", wait=True, **shape)
            if self.ask("glance", upload, None) is None:
                break
            images = self.ask("glance", usable, [])
        return [image.id for image in images[:2]]

    def flavors(self) -> list[str]:
        """The two smallest flavors, made where there are none."""

        def usable(connection):
            return sorted(connection.compute.flavors(), key=lambda f: (f.ram, f.disk, f.vcpus))

        flavors = self.ask("nova", usable, [])
        if self.has("nova") and len([f for f in flavors if f.ram <= 256]) < 2:
            for name, number, ram in (("m1.nano", "42", 128), ("m1.micro", "84", 192)):
                shape = {"id": number, "ram": ram, "vcpus": 1, "disk": 1}
                self.ask("nova", lambda c: c.compute.create_flavor(name=name, **shape), None)
            flavors = self.ask("nova", usable, [])
        return [flavor.id for flavor in flavors[:2]]


    def shared_volumes(self) -> str | None:
        """A volume type for volumes that several servers use at once, made where there is none."""

        def question(connection):
            spec = {"multiattach": "<is> True"}
            types = [t for t in connection.block_storage.types() if spec.items() <= (t.extra_specs or {}).items()]
            if not types:
                return connection.block_storage.create_type(name="multiattach", extra_specs=spec).name
            return types[0].name

        return self.ask("cinder", question, None)


class Nowhere:
    """Stands for a cloud that has everything, when none is asked."""

    region = "RegionOne"
    auth: dict = {}
    catalog: dict = {}

    def kind(self, flag):
        return SERVICES[flag][1][0]

    def has(self, flag):
        return True

    def ask(self, flag, question, default):
        return default

    def newest(self, flag):
        return None

    def images(self):
        return []

    def shared_volumes(self):
        return None

    def flavors(self):
        return []


def is_qcow2(file: str) -> bool:
    with open(file, "rb") as image:
        return image.read(4) == b"QFI\xfb"


class Facts:
    """What the configuration depends on, asked once."""

    def __init__(self, cloud, newest: bool):
        self.cloud, self.newest_claimed = cloud, newest
        self.auth = {
            "username": cloud.auth.get("username", "admin"),
            "password": cloud.auth.get("password", "none"),
            "project": cloud.auth.get("project_name", "admin"),
            "user_domain": cloud.auth.get("user_domain_name", "Default"),
            "project_domain": cloud.auth.get("project_domain_name", "Default"),
        }
        self.v3 = re.sub(r"(/v3)?/?$", "/v3", cloud.auth.get("auth_url", "http://127.0.0.1:5000"), count=1)
        self.roles = cloud.ask("keystone", lambda c: {role.name for role in c.identity.roles()}, {"member"})
        images, flavors = cloud.images(), cloud.flavors()
        self.image, self.other_image = (images[0], images[-1]) if images else (None, None)
        self.flavor, self.other_flavor = (flavors[0], flavors[-1]) if flavors else ("42", "84")
        outside = lambda c: next(iter(c.network.networks(is_router_external=True)), None)
        self.outside = cloud.ask("neutron", outside, None)
        self.extensions = cloud.ask("neutron", lambda c: sorted(e.alias for e in c.network.extensions()), [])
        up = lambda c: len([s for s in c.compute.services(binary="nova-compute") if s.state == "up"])
        self.hosts = cloud.ask("nova", up, 1) or 1
        kind = lambda c: next((h.hypervisor_type for h in c.compute.hypervisors(details=True)), None)
        self.hypervisor = cloud.ask("nova", kind, None)
        pools = lambda c: sorted(
            {p.capabilities.get("volume_backend_name", "") for p in c.block_storage.backend_pools()}
        )
        self.backends = cloud.ask("cinder", pools, [])
        usual = lambda c: next(iter(c.block_storage.backend_pools())).capabilities
        self.volumes = cloud.ask("cinder", usual, {})
        self.shared_type = cloud.shared_volumes()
        providers = lambda c: [p["name"] for p in cloud.get("load_balancer", "/v2/lbaas/providers")["providers"]]
        self.balancers = cloud.ask("load_balancer", providers, [])
        types = lambda c: [t["name"] for t in cloud.get("manila", "/types")["share_types"]]
        self.share_types = cloud.ask("manila", types, [])


def write(path: pathlib.Path, config: dict[str, dict]) -> None:
    parser = configparser.RawConfigParser()
    parser.optionxform = str
    for section, options in config.items():
        if section != "DEFAULT":
            parser.add_section(section)
        for option, value in options.items():
            if value not in (None, ""):
                parser.set(section, option, str(value).lower() if isinstance(value, bool) else str(value))
    for extra in filter(None, knob("TEMPEST_EXTRA").split(";")):
        name, value = extra.split("=", 1)
        section, option = name.strip().rsplit(".", 1)
        parser.has_section(section) or parser.add_section(section)
        parser.set(section, option, value.strip())
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        parser.write(file)


def unknown_options(config: dict[str, dict]) -> list[str]:
    """What neither Tempest nor a plugin registers: a slip of ours, or an option that went away."""
    from tempest import config as tempest_config
    from tempest.test_discover import plugins as tempest_plugins

    known: dict[str, set] = {"DEFAULT": {"log_dir", "log_file"}, "oslo_concurrency": {"lock_path"}}
    everything = tempest_config.list_opts() + tempest_plugins.TempestTestPluginManager().get_plugin_options_list()
    for group, options in everything:
        names = known.setdefault(getattr(group, "name", group) or "DEFAULT", set())
        names.update(name for option in options for name in (option.name, option.dest))
    return [f"{s}.{o}" for s, options in config.items() for o in options if o not in known.get(s, set())]


def main() -> int:
    arguments = argparse.ArgumentParser(usage=__doc__)
    arguments.add_argument("out", type=pathlib.Path)
    arguments.add_argument("--claim", choices=["newest", "advertised"], default="newest")
    arguments.add_argument("--offline", action="store_true")
    asked = arguments.parse_args()
    cloud = Nowhere() if asked.offline else Cloud()
    facts = Facts(cloud, asked.claim == "newest")
    home = asked.out.resolve().parent
    config = core(facts, home)
    for section, options in plugins(facts).items():
        config.setdefault(section, {}).update(options)
    for flag, (section, kinds) in SERVICES.items():
        if section and section != "identity":
            config.setdefault(section, {})["catalog_type"] = cloud.kind(flag) or kinds[0]
    for section in ("compute", "image", "network", "volume", "object-storage", "placement", "load_balancer", "share"):
        config[section]["region"] = cloud.region
    available = {flag: cloud.has(flag) for flag in SERVICES if flag not in ("keystone", "placement")}
    config["service_available"] = available | {"horizon": bool(knob("DASHBOARD_URL")), "sg_core": False}
    for place in ("logs", "locks"):
        (home / place).mkdir(parents=True, exist_ok=True)
    write(asked.out, config)
    if wrong := unknown_options(config):
        print("configure: not registered by Tempest or a plugin:", *wrong, file=sys.stderr)
        return 1
    print("services:", *sorted(cloud.catalog) or ["none asked"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
