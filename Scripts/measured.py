"""docs/measured.md: each command that measures writes a part of its own, and leaves what others wrote."""

import datetime
import pathlib
import subprocess

FILE = pathlib.Path(__file__).resolve().parents[1] / "docs/measured.md"


def record(name: str, title: str, how: str, lines: list[str]) -> None:
    """Replaces the part of that name: its title, when and how it was measured, and what came of it."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    made = f"{datetime.date.today()}, commit {commit()}. {how}"
    part = "\n".join([begin, f"## {title}", "", made, "", *lines, end])
    FILE.parent.mkdir(parents=True, exist_ok=True)
    head = "# Measured\n\nWritten by the commands that measure; each part says how to repeat it.\n"
    text = FILE.read_text() if FILE.exists() else head
    if begin in text:
        before, rest = text.split(begin, 1)
        text = before + part + rest.split(end, 1)[1]
    else:
        text = text.rstrip("\n") + "\n\n" + part + "\n"
    FILE.write_text(text)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def commit() -> str:
    """What was measured. That figures were just written down doesn't make it another."""
    name = said("describe", "--always")
    changed = said("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/measured.md")
    return (name or "unknown") + ("-dirty" if changed else "")


def said(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, cwd=FILE.parents[1])
    return done.stdout.strip()
