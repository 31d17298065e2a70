"""Holds Placement's own HTTP conversations with a live endpoint, and prints their outcomes as subunit_lines.py does.

usage: python gabbi_placement.py SOURCE      as the administrator of clouds.yaml, and as the plain member of it
Only files that put no rows behind the API are used. Between files, everything that the service holds is deleted: each
file expects an empty one.
"""

import glob
import os
import re
import sys
import tempfile
import unittest
import urllib.parse
import uuid

import openstack
import yaml
from gabbi import driver

NEWEST = {"OpenStack-API-Version": "placement 1.39"}


class Placement:
    def __init__(self):
        connection = openstack.connect(cloud="martlet")
        self.session, self.token = connection.session, connection.auth_token
        region = connection.config.get_region_name()
        url = self.session.get_endpoint(service_type="placement", interface="public", region_name=region)
        self.url = url.rstrip("/")

    def ask(self, method: str, path: str) -> dict:
        answer = self.session.request(self.url + path, method, raise_exc=False, headers=NEWEST)
        return answer.json() if answer.content else {}

    def empty(self) -> None:
        for _ in range(6):  # a parent goes only after its children
            providers = self.ask("GET", "/resource_providers").get("resource_providers", [])
            if not providers:
                break
            for provider in providers:
                path = f"/resource_providers/{provider['uuid']}"
                for consumer in self.ask("GET", f"{path}/allocations").get("allocations", {}):
                    self.ask("DELETE", f"/allocations/{consumer}")
                self.ask("DELETE", path)
        for kind in self.ask("GET", "/resource_classes").get("resource_classes", []):
            if kind["name"].startswith("CUSTOM_"):
                self.ask("DELETE", f"/resource_classes/{kind['name']}")
        for trait in self.ask("GET", "/traits?name=startswith:CUSTOM_").get("traits", []):
            self.ask("DELETE", f"/traits/{trait}")


class Lines(unittest.TestResult):
    def __init__(self, file: str):
        super().__init__()
        self.file = file

    def say(self, outcome: str, test, reason: str = "") -> None:
        name = f"{self.file}.{test.id().rsplit('.', 1)[-1]}"
        print(outcome, name, "0", " ".join(reason.split())[-300:], sep="\t", flush=True)

    def addSuccess(self, test):
        self.say("passed", test)

    def addFailure(self, test, error):
        self.say("failed", test, self._exc_info_to_string(error, test))

    addError = addFailure

    def addSkip(self, test, reason):
        self.say("skipped", test, reason)


def prepared(text: str) -> str:
    """The file as a live service can be asked it: real tokens for its made-up ones, and ids for its variables."""
    for name in set(re.findall(r"ENVIRON\['(\w+)'\]", text)):
        number = name[-1:] if name[-1:].isdigit() else ""
        os.environ[name] = f"CUSTOM_IRON_NFV{number}" if "RES_CLASS" in name else str(uuid.uuid4())
    text = re.sub(r"(?m)^fixtures:\n(\s+- .*\n)+", "", text)
    text = re.sub(r"(?m)(x-auth-token:\s*)admin(:admin)?[ \t]*$", r"\1$ENVIRON['ADMIN_TOKEN']", text)
    return re.sub(r"(?m)(x-auth-token:\s*)user[ \t]*$", r"\1$ENVIRON['MEMBER_TOKEN']", text)


def main(source: str) -> None:
    placement = Placement()
    os.environ["ADMIN_TOKEN"] = placement.token
    os.environ["MEMBER_TOKEN"] = openstack.connect(cloud="martlet-demo").auth_token
    address = urllib.parse.urlsplit(placement.url)
    where = {"host": address.hostname, "port": address.port or 80, "prefix": address.path.rstrip("/")}
    for file in sorted(glob.glob(f"{source}/*/placement/tests/functional/gabbits/*.yaml")):
        text = open(file).read()
        if (yaml.safe_load(text) or {}).get("fixtures") != ["APIFixture"]:
            continue
        placement.empty()
        name = os.path.basename(file).removesuffix(".yaml")
        with tempfile.TemporaryDirectory() as place:
            with open(f"{place}/{name}.yaml", "w") as copy:
                copy.write(prepared(text))
            tests = driver.build_tests(place, unittest.TestLoader(), test_loader_name="placement", **where)
            tests.run(Lines(name))
    placement.empty()


if __name__ == "__main__":
    main(sys.argv[1])
