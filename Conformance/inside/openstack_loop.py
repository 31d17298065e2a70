"""The real `openstack` command, many times in one process: a line of words in, its exit code out.

Starting the client costs a second or more, which a journey of two hundred commands need not pay each time. Commands
share one session, as they do when a person types them at the client's own prompt; one that brings options of its own
before the command (`--os-username …`) gets a process of its own.

usage: python openstack_loop.py DIR     what a command prints goes to DIR/out, its complaints to DIR/err, and those
                                        that succeeded to DIR/said
"""

import contextlib
import logging
import pathlib
import shlex
import subprocess
import sys

from openstackclient.shell import OpenStackShell


class Session:
    """A client that has been started, and runs one command after another."""

    def __init__(self):
        self.shell = OpenStackShell()
        # As at the prompt: the client starts, and waits for a command.
        self.shell.interact = lambda: 0
        self.shell.run([])
        self.handlers = list(logging.getLogger("").handlers)

    def run(self, words: list[str]) -> int:
        self.shell.stdout, self.shell.stderr = sys.stdout, sys.stderr
        # Complaints go where this command's do, and not also where those of earlier clients went.
        logging.getLogger("").handlers[:] = self.handlers
        for handler in self.handlers:
            handler.stream = sys.stderr
        return self.shell.run_subcommand(words)


def run_alone(words: list[str]) -> int:
    command = [sys.executable, "-m", "openstackclient.shell", *words]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stdout, stderr=sys.stderr).returncode


def run(words: list[str], session: Session) -> int:
    try:
        return (run_alone(words) if words[0].startswith("-") else session.run(words)) or 0
    except SystemExit as exit:
        return exit.code or 0


def main(place: pathlib.Path) -> None:
    replies = sys.stdout
    session = Session()
    for line in sys.stdin:
        with open(place / "out", "w") as out, open(place / "err", "w") as err:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run(shlex.split(line), session)
        if code == 0:
            with open(place / "said", "a") as said:
                said.write(line)
        print(code, file=replies, flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
