"""A check for schemathesis: what is refused is refused in the words of the service (SERVICE in the environment).

Clients look for just these shapes, each service's own, to show people what was wrong.
"""

import json
import os

import schemathesis

SERVICE = os.environ["SERVICE"]


def one_member(error: dict) -> dict:
    """What stands under the only member, whatever its name."""
    (inside,) = error.values()
    return inside


def identity(error: dict, status: int) -> str:
    assert error["error"]["code"] == status and error["error"]["title"]
    return error["error"]["message"]


def image(error: dict, status: int) -> str:
    assert error["code"].startswith(f"{status} ") and error["title"]
    return error["message"]


def placement(error: dict, status: int) -> str:
    (only,) = error["errors"]
    assert only["status"] == status and only["title"] and only["request_id"] and only["code"]
    return only["detail"]


def network(error: dict, status: int) -> str:
    if status == 401:
        return identity(error, status)
    assert error["NeutronError"]["type"] and "detail" in error["NeutronError"]
    return error["NeutronError"]["message"]


def compute(error: dict, status: int) -> str:
    inside = one_member(error)
    assert inside["code"] == status
    return inside["message"]


SHAPES = {
    "identity": identity, "image": image, "placement": placement, "network": network, "compute": compute,
    "volume": compute,
}  # fmt: skip


@schemathesis.check
def refused_in_the_services_words(context, response, case):
    status, method = response.status_code, response.request.method
    # Nothing is said to HEAD. What is too long to be read is refused before anybody knows whose it is.
    if not 400 <= status < 600 or method == "HEAD" or status in (414, 431):
        return
    try:
        said = SHAPES[SERVICE](json.loads(response.content), status)
    except (AssertionError, KeyError, TypeError, ValueError, AttributeError) as reason:
        raise AssertionError(f"{status} is not in the shape of {SERVICE}: {response.text[:200]!r} ({reason!r})")
    if not isinstance(said, str) or not said.strip():
        raise AssertionError(f"{status} does not say what was wrong: {response.text[:200]!r}")


@schemathesis.check
def no_failure_of_the_services(context, response, case):
    """No 5xx, but 501: what deliberately isn't there says so."""
    if response.status_code >= 500 and response.status_code != 501:
        raise AssertionError(f"{response.status_code}: {response.text[:200]!r}")
