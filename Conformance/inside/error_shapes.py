"""Checks for schemathesis: no failures, and what is refused is refused in the words of the service (SERVICE in the
environment)."""

import os

import schemathesis
from shapes import said


@schemathesis.check
def refused_in_the_services_words(context, response, case):
    status, method = response.status_code, response.request.method
    # Nothing is said to HEAD. What is too long to be read is refused before anybody knows whose it is.
    if 400 <= status < 600 and method != "HEAD" and status not in (414, 431):
        said(os.environ["SERVICE"], status, response.content)


@schemathesis.check
def no_failure_of_the_services(context, response, case):
    """No 5xx, but 501: what deliberately isn't there says so."""
    if response.status_code >= 500 and response.status_code != 501:
        raise AssertionError(f"{response.status_code}: {response.text[:200]!r}")
