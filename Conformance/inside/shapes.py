"""How each service says that something is wrong: clients look for just that. Each answers with what was said, or raises."""

import json


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


def said(service: str, status: int, body: bytes) -> str:
    """What a refusal says. An AssertionError if it isn't in the service's words, or says nothing."""
    try:
        text = SHAPES[service](json.loads(body), status)
    except (AssertionError, KeyError, TypeError, ValueError, AttributeError) as reason:
        raise AssertionError(f"{status} is not in the shape of {service}: {body[:200]!r} ({reason!r})") from None
    assert isinstance(text, str) and text.strip(), f"{status} does not say what was wrong: {body[:200]!r}"
    return text
