"""Every call of openstacksdk's identity proxy that the cloud has, with what it answers. Speaks TAP."""

import contextlib
import inspect
import sys
import traceback

import openstack
from openstack import exceptions
from openstack.identity.v3 import _proxy

# What stands beside identity itself: `docs/status.md` says that it isn't there.
ELSEWHERE = ("federation", "mapping", "identity_provider", "service_provider", "wait_for")

connection = openstack.connect(load_envvars=True)
called: set[str] = set()


class Noting:
    """The proxy, which notes what of it was used, and reads lists to their end."""

    def __getattr__(self, name):
        call = getattr(connection.identity, name)

        def noted(*words, **more):
            called.add(name)
            answer = call(*words, **more)
            return list(answer) if inspect.isgenerator(answer) else answer

        return noted


identity = Noting()
DEFAULT = "default"


def ids(things) -> set[str]:
    return {thing.id for thing in things}


@contextlib.contextmanager
def refused(kind):
    try:
        yield
    except kind:
        return
    raise AssertionError(f"was not refused with {kind.__name__}")


def life(noun: str, listed: str, create: dict, update: dict, find: bool = True, **query):
    """Made, shown, found, listed, changed, deleted, and deleted again, which is nobody's loss."""
    made = getattr(identity, f"create_{noun}")(**create)
    for name, value in create.items():
        if name not in ("password", "secret"):
            assert made[name] == value, f"{name} is {made[name]!r}, not {value!r}"
    assert getattr(identity, f"get_{noun}")(made.id).id == made.id
    if find:
        assert getattr(identity, f"find_{noun}")(made.id).id == made.id
        assert getattr(identity, f"find_{noun}")("no-such-thing") is None
    assert made.id in ids(getattr(identity, listed)(**query))
    changed = getattr(identity, f"update_{noun}")(made.id, **update)
    for name, value in update.items():
        assert changed[name] == value, f"{name} is {changed[name]!r}, not {value!r}"
    getattr(identity, f"delete_{noun}")(made.id)
    with refused(exceptions.NotFoundException):
        getattr(identity, f"delete_{noun}")(made.id, ignore_missing=False)
    assert made.id not in ids(getattr(identity, listed)(**query))


class Household:
    """A domain with a project, a user, a group and a role, for as long as a test takes."""

    def __enter__(self):
        self.domain = identity.create_domain(name="sdk-lake")
        self.project = identity.create_project(name="sdk-reeds", domain_id=self.domain.id)
        self.user = identity.create_user(name="sdk-frog", domain_id=self.domain.id, password="frog-Leap-4")
        self.group = identity.create_group(name="sdk-frogs", domain_id=self.domain.id)
        self.role = identity.create_role(name="sdk-croaker")
        return self

    def __exit__(self, *failure):
        identity.update_domain(self.domain.id, is_enabled=False)
        identity.delete_domain(self.domain.id)
        identity.delete_role(self.role.id)

    def as_user(self, password="frog-Leap-4"):
        return openstack.connect(
            auth_url=connection.config.auth["auth_url"], username="sdk-frog", user_domain_id=self.domain.id,
            password=password, project_id=self.project.id, identity_api_version="3", load_envvars=False,
            load_yaml_config=False, region_name=connection.config.get_region_name(),
        )  # fmt: skip


def domains_live_and_go():
    made = identity.create_domain(name="sdk-pond", description="still")
    assert identity.get_domain(made.id).description == "still"
    assert identity.find_domain("sdk-pond").id == made.id
    assert [domain.id for domain in identity.domains(name="sdk-pond")] == [made.id]
    with refused(exceptions.ConflictException):
        identity.create_domain(name="sdk-pond")
    with refused(exceptions.ForbiddenException):
        identity.delete_domain(made.id)
    assert identity.update_domain(made.id, is_enabled=False).is_enabled is False
    identity.delete_domain(made.id)
    assert identity.find_domain("sdk-pond") is None


def domains_are_configured():
    with Household() as house:
        identity.create_domain_config(house.domain.id, identity={"driver": "ldap"}, ldap={"url": "ldap://lake"})
        assert identity.get_domain_config(house.domain.id).ldap["url"] == "ldap://lake"
        identity.update_domain_config(house.domain.id, ldap={"url": "ldap://sea"})
        assert identity.get_domain_config(house.domain.id).ldap["url"] == "ldap://sea"
        identity.delete_domain_config(house.domain.id)
        with refused(exceptions.NotFoundException):
            identity.get_domain_config(house.domain.id)


def projects_live_and_go():
    life("project", "projects", {"name": "sdk-nest", "description": "twigs"}, {"name": "sdk-nook"}, domain_id=DEFAULT)


def users_live_and_go():
    life("user", "users", {"name": "sdk-alice", "email": "alice@example.com", "password": "wonder-Land-1"},
         {"description": "at tea", "is_enabled": False}, domain_id=DEFAULT)  # fmt: skip


def users_change_their_password():
    with Household() as house:
        identity.assign_project_role_to_user(house.project.id, house.user.id, house.role.id)
        frog = house.as_user()
        called.add("update_password")
        frog.identity.update_password(house.user.id, "frog-Leap-4", "toad-Leap-5")
        assert house.as_user("toad-Leap-5").current_project_id == house.project.id
        with refused(exceptions.SDKException):
            house.as_user("frog-Leap-4").authorize()


def groups_gather_users():
    life("group", "groups", {"name": "sdk-party", "description": "guests"}, {"name": "sdk-tea"}, domain_id=DEFAULT)
    with Household() as house:
        assert identity.check_user_in_group(house.user.id, house.group.id) is False
        identity.add_user_to_group(house.user.id, house.group.id)
        assert identity.check_user_in_group(house.user.id, house.group.id) is True
        assert ids(identity.group_users(house.group.id)) == {house.user.id}
        assert ids(identity.user_groups(house.user.id)) == {house.group.id}
        identity.remove_user_from_group(house.user.id, house.group.id)
        assert not identity.group_users(house.group.id)


def roles_live_and_go():
    life("role", "roles", {"name": "sdk-watcher", "description": "sees"}, {"name": "sdk-keeper"})


def roles_are_assigned_everywhere():
    with Household() as house:
        for where in ("domain", "project", "system"):
            place = [getattr(house, where).id] if where != "system" else []
            for who in ("user", "group"):
                actor = getattr(house, who).id
                assign = getattr(identity, f"assign_{where}_role_to_{who}")
                unassign = getattr(identity, f"unassign_{where}_role_from_{who}")
                validate = getattr(identity, f"validate_{who}_has_{where}_role")
                words = [*place, actor, house.role.id] + (["all"] if where == "system" else [])
                assert validate(*words) is False
                assign(*words)
                assert validate(*words) is True
                query = {"scope_system": "all"} if where == "system" else {f"scope_{where}_id": place[0]}
                assigned = identity.role_assignments(**query, **{f"{who}_id": actor})
                assert [assignment.role["id"] for assignment in assigned] == [house.role.id]
                filter = {"system": "all"} if where == "system" else {where: place[0]}
                assert house.role.id in ids(identity.role_assignments_filter(**filter, **{who: actor}))
                unassign(*words)
                assert validate(*words) is False
        words = [house.domain.id, house.user.id, house.role.id]
        identity.assign_domain_role_to_user(*words, inherited=True)
        assert identity.validate_user_has_domain_role(*words, inherited=True) is True
        assert ids(identity.user_projects(house.user.id)) == {house.project.id}
        identity.unassign_domain_role_from_user(*words, inherited=True)


def the_catalog_is_kept():
    life("region", "regions", {"id": "sdk-arctic", "description": "north"}, {"description": "far north"})
    life("service", "services", {"name": "sdk-tide", "type": "ebb"}, {"is_enabled": False})
    service = identity.create_service(name="sdk-tide", type="ebb")
    life("endpoint", "endpoints", {"service_id": service.id, "interface": "public", "url": "http://tide.example"},
         {"url": "http://ebb.example"})  # fmt: skip
    identity.delete_service(service.id)


def endpoints_are_given_to_projects():
    service = identity.create_service(name="sdk-tide", type="ebb")
    endpoint = identity.create_endpoint(service_id=service.id, interface="public", url="http://tide.example")
    with Household() as house:
        identity.associate_endpoint_with_project(house.project.id, endpoint.id)
        assert endpoint.id in ids(identity.project_endpoints(house.project.id))
        assert ids(identity.endpoint_projects(endpoint.id)) == {house.project.id}
        identity.disassociate_endpoint_from_project(house.project.id, endpoint.id)
        assert not identity.endpoint_projects(endpoint.id)
        life("endpoint_group", "endpoint_groups", {"name": "sdk-shore", "filters": {"service_id": service.id}},
             {"name": "sdk-coast"})  # fmt: skip
        shore = identity.create_endpoint_group(name="sdk-shore", filters={"service_id": service.id})
        assert ids(identity.endpoint_group_endpoints(shore.id)) == {endpoint.id}
        identity.associate_project_with_endpoint_group(shore.id, house.project.id)
        assert ids(identity.endpoint_group_projects(shore.id)) == {house.project.id}
        assert ids(identity.project_endpoint_groups(house.project.id)) == {shore.id}
        identity.disassociate_project_from_endpoint_group(shore.id, house.project.id)
        assert not identity.endpoint_group_projects(shore.id)
        identity.delete_endpoint_group(shore.id)
    identity.delete_endpoint(endpoint.id)
    identity.delete_service(service.id)


def credentials_and_policies_are_kept():
    with Household() as house:
        life("credential", "credentials", {"type": "cert", "blob": "a certificate", "user_id": house.user.id},
             {"blob": "another"})  # fmt: skip
    life("policy", "policies", {"type": "application/json", "blob": "{}"}, {"blob": '{"a": "role:b"}'})


def application_credentials_stand_in():
    me = connection.current_user_id
    made = identity.create_application_credential(
        me, "sdk-robot", secret="sesame-9",
        access_rules=[{"path": "/v2.1/servers", "method": "GET", "service": "compute"}],
    )  # fmt: skip
    assert identity.get_application_credential(me, made.id).name == "sdk-robot"
    assert identity.find_application_credential(me, "sdk-robot").id == made.id
    assert made.id in ids(identity.application_credentials(me))
    rules = identity.access_rules(me)
    assert [rule.path for rule in rules] == ["/v2.1/servers"]
    assert identity.get_access_rule(me, rules[0].id).method == "GET"
    identity.delete_application_credential(me, made.id)
    identity.delete_access_rule(me, rules[0].id)
    assert not identity.access_rules(me)


def trusts_lend_roles():
    with Household() as house:
        identity.assign_project_role_to_user(house.project.id, house.user.id, house.role.id)
        frog = house.as_user()
        called.add("create_trust")
        made = frog.identity.create_trust(
            trustor_user_id=house.user.id, trustee_user_id=connection.current_user_id, project_id=house.project.id,
            is_impersonation=False, roles=[{"id": house.role.id}],
        )  # fmt: skip
        assert identity.get_trust(made.id).project_id == house.project.id
        assert identity.find_trust(made.id).id == made.id
        assert made.id in ids(identity.trusts())
        called.add("delete_trust")
        frog.identity.delete_trust(made.id)
        assert identity.find_trust(made.id) is None


def limits_bound_projects():
    service = identity.create_service(name="sdk-bakery", type="bread")
    with Household() as house:
        registered = identity.create_registered_limit(
            service_id=service.id, resource_name="loaf", default_limit=10, region_id="RegionOne"
        )
        assert identity.get_registered_limit(registered.id).default_limit == 10
        assert identity.update_registered_limit(registered, default_limit=12).default_limit == 12
        assert registered.id in ids(identity.registered_limits(service_id=service.id))
        limit = identity.create_limit(
            service_id=service.id, resource_name="loaf", resource_limit=5, region_id="RegionOne",
            project_id=house.project.id,
        )  # fmt: skip
        assert identity.get_limit(limit.id).resource_limit == 5
        assert identity.update_limit(limit, resource_limit=7).resource_limit == 7
        assert limit.id in ids(identity.limits(project_id=house.project.id))
        identity.delete_limit(limit.id)
        identity.delete_registered_limit(registered.id)
    identity.delete_service(service.id)


def tokens_are_checked_and_revoked():
    with Household() as house:
        identity.assign_project_role_to_user(house.project.id, house.user.id, house.role.id)
        token = house.as_user().auth_token
        assert identity.validate_token(token).user["id"] == house.user.id
        assert identity.check_token(token) is True
        identity.revoke_token(token)
        assert identity.check_token(token) is False


def nothing_that_the_sdk_has_is_left_out():
    offered = {name for name, _ in inspect.getmembers(_proxy.Proxy, inspect.isfunction) if name in vars(_proxy.Proxy)}
    wanted = {name for name in offered if not name.startswith("_") and not any(part in name for part in ELSEWHERE)}
    assert wanted <= called, f"not called: {', '.join(sorted(wanted - called))}"


TESTS = [
    domains_live_and_go, domains_are_configured, projects_live_and_go, users_live_and_go, users_change_their_password,
    groups_gather_users, roles_live_and_go, roles_are_assigned_everywhere, the_catalog_is_kept,
    endpoints_are_given_to_projects, credentials_and_policies_are_kept, application_credentials_stand_in,
    trusts_lend_roles, limits_bound_projects, tokens_are_checked_and_revoked, nothing_that_the_sdk_has_is_left_out,
]  # fmt: skip

print(f"1..{len(TESTS)}", flush=True)
failures = 0
for number, test in enumerate(TESTS, 1):
    name = test.__name__.replace("_", " ")
    try:
        test()
        print(f"ok {number} - {name}", flush=True)
    except Exception as reason:
        failures += 1
        print(f"not ok {number} - {name} # {type(reason).__name__}: {' '.join(str(reason).split())[:300]}", flush=True)
        print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), flush=True)
sys.exit(failures > 0)
