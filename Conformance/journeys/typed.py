"""Runs a command on a terminal of its own and types a password as often as it asks for one.

usage: python typed.py PASSWORD COMMAND…      prints what the terminal showed; the command's exit code
"""

import os
import pty
import sys

password, *command = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
shown = ""
answered = 0
while True:
    try:
        chunk = os.read(terminal, 4096)
    except OSError:
        break
    if not chunk:
        break
    shown += chunk.decode(errors="replace")
    while shown.lower().count("password:") > answered:
        answered += 1
        os.write(terminal, password.encode() + b"\n")
print(shown)
if password in shown:
    print("the password was shown on the terminal")
    sys.exit(1)
if answered < 2:
    print(f"the password was asked for {answered} times, not typed and repeated")
    sys.exit(1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
