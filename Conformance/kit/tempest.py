"""Runs Tempest's tests by their ids, and gives every one of them an outcome."""

import os
import pathlib
import re
import signal
import subprocess
import threading
import time

from kit.results import Result

INSIDE = pathlib.Path(__file__).resolve().parents[1] / "inside"  # what runs in the suite's own environment
TEST_LIMIT = 300  # seconds for one test, so that one that hangs cannot hold the rest


def name(test: str) -> str:
    """`a.b.Class.test[id-…,smoke]` without what stands in brackets: attributes change, names stay."""
    return test.split("[", 1)[0].strip()


class Tempest:
    def __init__(self, home: pathlib.Path, work: pathlib.Path, environment: dict[str, str]):
        self.home, self.work = home, work
        self.python, self.tempest = home / "bin/python", home / "bin/tempest"
        self.environment = environment | {"PYTHONWARNINGS": "ignore", "OS_TEST_TIMEOUT": str(TEST_LIMIT)}
        self.config = work / "etc/tempest.conf"

    def configure(self, *options: str) -> str:
        """Lays out a workspace and asks the cloud for its configuration."""
        self.work.parent.mkdir(parents=True, exist_ok=True)
        registry = self.work.parent / "workspaces.yaml"
        self._call(self.tempest, "init", "--workspace-path", registry, self.work)
        return self._call(self.python, INSIDE / "configure.py", self.config, *options)

    def ids(self) -> list[str]:
        """Every test there is. Finding them takes 20 seconds, so the list is kept beside the installation."""
        kept = self.home / f"ids.{(self.home / '.installed').read_text().strip()}"
        if not kept.exists():
            found = self._call(self.tempest, "run", "--list-tests", "--config-file", self.config)
            tests = [line for line in found.splitlines() if re.match(r"[\w.]+\.\w+(\[.*\])?$", line)]
            kept.write_text("\n".join(tests) + "\n")
        return kept.read_text().splitlines()

    def run(self, tests: list[str], limit: float, say) -> tuple[list[Result], list[str]]:
        """Runs `tests` for at most `limit` seconds: the result of each, and what went wrong outside of them."""
        chosen = self.work / "chosen.txt"
        chosen.write_text("\n".join(tests) + "\n")
        command = [self.tempest, "run", "--subunit", "--config-file", self.config, "--load-list", chosen]
        command += ["--concurrency", str(os.cpu_count() or 1)]
        reported = []
        with open(self.work / "run.err", "wb") as errors:
            runner = subprocess.Popen(
                command,
                cwd=self.work,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
            lines = [self.python, INSIDE / "subunit_lines.py", self.work.parent / "tracebacks.txt"]
            reader = subprocess.Popen(lines, stdin=runner.stdout, stdout=subprocess.PIPE, text=True)
            watch = threading.Timer(limit, os.killpg, (runner.pid, signal.SIGKILL))
            watch.start()
            spoken = time.monotonic()
            for line in reader.stdout:
                reported.append(Result(*self._fields(line)))
                if time.monotonic() - spoken > 30:
                    spoken = time.monotonic()
                    say(f"{len(reported)} of {len(tests)}, {sum(r.outcome == 'failed' for r in reported)} failed")
            watch.cancel()
            runner.stdout.close()
            runner.wait()
            reader.wait()
        notes = [
            f"{r.name}: {r.reason}" for r in reported if r.name.startswith("tearDownClass") and r.outcome == "failed"
        ]
        if runner.returncode == -signal.SIGKILL:
            notes.append(f"stopped after {limit:.0f} s: what had not run counts as failed")
        return complete(tests, reported), notes

    @staticmethod
    def _fields(line: str) -> tuple[str, str, float, str]:
        outcome, test, seconds, reason = line.rstrip("\n").split("\t")
        return test, outcome, float(seconds), reason

    def _call(self, *command) -> str:
        place = self.work if self.work.exists() else None
        done = subprocess.run(
            command, cwd=place, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"{' '.join(map(str, command))} said {done.returncode}:\n{done.stdout}{done.stderr}"[-4000:]
            )
        return done.stdout


def complete(tests: list[str], reported: list[Result]) -> list[Result]:
    """An outcome for every listed test: its own, else its class's, else failed because it never ran."""
    own = {name(r.name): r for r in reported}
    classes = {m[1]: r for r in reported if (m := re.match(r"setUpClass \((.*)\)$", r.name))}
    results = []
    for test in tests:
        if result := own.get(name(test)):
            results.append(Result(test, result.outcome, result.seconds, result.reason))
        elif above := classes.get(name(test).rsplit(".", 1)[0]):
            results.append(Result(test, above.outcome, 0, f"setUpClass: {above.reason}"))
        else:
            results.append(Result(test, "failed", 0, "did not run"))
    return results
