"""Subunit v2 on standard input; on standard output, as each test ends: outcome, id, seconds, reason, by tabs.

usage: python subunit_lines.py TRACEBACKS      Tempest's own python; the file gets the whole story of each failure
A class whose setUpClass failed or skipped is one line here, named `setUpClass (…)`: it
stands for all of its tests.
"""

import collections
import sys

import subunit
from testtools import StreamResult

OUTCOMES = {"success": "passed", "xfail": "passed", "fail": "failed", "uxsuccess": "failed", "skip": "skipped"}


class Lines(StreamResult):
    def __init__(self, tracebacks):
        super().__init__()
        self.tracebacks = tracebacks
        self.begun = {}
        self.said = collections.defaultdict(bytes)

    def status(self, test_id=None, test_status=None, file_name=None, file_bytes=None, timestamp=None, **_):
        if test_id is None:
            return
        if file_name in ("reason", "traceback") and file_bytes:
            self.said[test_id] += bytes(file_bytes)
        if test_status == "inprogress":
            self.begun[test_id] = timestamp
        elif test_status in OUTCOMES:
            outcome = OUTCOMES[test_status]
            begun = self.begun.pop(test_id, None)
            seconds = (timestamp - begun).total_seconds() if timestamp and begun else 0
            text = self.said.pop(test_id, b"").decode("utf8", "replace").strip()
            lines = text.splitlines() or [""]
            if outcome == "failed":
                print(f"=== {test_id}\n{text}\n", file=self.tracebacks, flush=True)
            # The last line of a traceback says what went wrong; the first line of a skip says why.
            reason = " ".join(lines[-1 if outcome == "failed" else 0].split())[:300]
            print(outcome, test_id, f"{seconds:.2f}", reason, sep="\t", flush=True)


with open(sys.argv[1], "w") as tracebacks:
    subunit.ByteStreamToStreamResult(sys.stdin.buffer, non_subunit_name="stdout").run(Lines(tracebacks))
