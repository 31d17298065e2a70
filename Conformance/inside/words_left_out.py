"""Which commands of the client, and which of their options, a journey hasn't used with success.

usage: python words_left_out.py GROUP <SAID     commands of a group of the client's entry points; a line of words each
"""

import argparse
import shlex
import sys

from openstackclient.shell import OpenStackShell
from osc_lib.command import command

# What stands beside identity itself: `docs/status.md` says that it isn't there.
ELSEWHERE = ("federation", "identity provider", "mapping", "service provider")
# What no cloud of this release can do with this client.
CANNOT = {
    "credential set": "a credential's user and type, which it always sends, don't change any more",
    "access rule list --user": "it looks the user up with a client of another kind, and stumbles",
    "access rule list --user-domain": "the same",
}


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Each by its longest name: a short one is the same."""
    return {max(action.option_strings, key=len) for action in parser._actions if action.option_strings}


def of_every_command(shell: OpenStackShell) -> set[str]:
    """What a command has because of how it prints."""


    class OfList(command.Lister):
        def take_action(self, parsed_args):
            pass

    class OfOne(command.ShowOne):
        def take_action(self, parsed_args):
            pass

    return set().union(*(options(kind(shell, None, cmd_name="bare").get_parser("bare")) for kind in (OfList, OfOne)))


def main(group: str) -> int:
    shell = OpenStackShell()
    shell.interact = lambda: 0
    shell.run([])
    commands = shell.command_manager
    used: dict[str, set[str]] = {}
    for line in sys.stdin:
        words = shlex.split(line)
        # Options of the client itself stand before the command, each with a value.
        while words and words[0].startswith("-"):
            words = words[2:]
        try:
            _, name, rest = commands.find_command(words)
        except ValueError:
            continue
        used.setdefault(name, set()).update(word.partition("=")[0] for word in rest if word.startswith("--"))
    printing = of_every_command(shell)
    commands.add_command_group(group)
    for name in sorted(commands.get_command_names(group)):
        name = name.replace("_", " ")
        if name.startswith(ELSEWHERE) or name in CANNOT:
            continue
        if name not in used:
            print(name)
            continue
        factory, _, _ = commands.find_command(name.split())
        for option in sorted(options(factory(shell, None, cmd_name=name).get_parser(name)) - printing - used[name]):
            if f"{name} {option}" not in CANNOT:
                print(name, option)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
