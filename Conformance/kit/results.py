"""What a suite came to: every listed test with its outcome, the one table, and the ratchet."""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Result:
    name: str
    outcome: str  # passed, failed or skipped
    seconds: float = 0
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One suite's results. A test that was listed and has no result of its own is in here as failed."""

    suite: str
    results: list[Result]
    seconds: float
    notes: tuple[str, ...] = ()

    def count(self, outcome: str) -> int:
        return sum(result.outcome == outcome for result in self.results)

    @property
    def passed(self) -> int:
        return self.count("passed")

    def write(self, place: pathlib.Path) -> None:
        """all.tsv, failed.tsv and skipped.tsv: name, seconds, reason."""
        place.mkdir(parents=True, exist_ok=True)
        for file, outcomes in (("all", None), ("failed", "failed"), ("skipped", "skipped")):
            with open(place / f"{file}.tsv", "w") as out:
                for result in sorted(self.results, key=lambda r: r.name):
                    if outcomes in (None, result.outcome):
                        row = [result.outcome] * (file == "all") + [result.name, f"{result.seconds:.2f}", result.reason]
                        out.write("\t".join(row) + "\n")


def rows(outcomes: list[Outcome]) -> list[tuple[str, ...]]:
    rows = [("suite", "listed", "passed", "failed", "skipped", "missing", "seconds")]
    for o in outcomes:
        listed = len(o.results)
        numbers = (listed, o.passed, o.count("failed"), o.count("skipped"), listed - o.passed, round(o.seconds))
        rows.append((o.suite, *map(str, numbers)))
    return rows


def table(outcomes: list[Outcome]) -> str:
    all_rows = rows(outcomes)
    width = max(len(row[0]) for row in all_rows) + 2
    return "\n".join(row[0].ljust(width) + "".join(cell.rjust(9) for cell in row[1:]) for row in all_rows)


class Ratchet:
    """How many passed of each suite when that was last written down. The number only goes up."""

    def __init__(self, file: pathlib.Path):
        self.file = file
        lines = [line.split("\t") for line in file.read_text().splitlines() if line and not line.startswith("#")]
        self.numbers = {suite: int(passed) for suite, passed in lines}

    def complaint(self, outcome: Outcome) -> str | None:
        before = self.numbers.get(outcome.suite)
        if before is not None and outcome.passed < before:
            return f"{outcome.suite}: {outcome.passed} passed, and it was {before}. See its failed.tsv and skipped.tsv."
        return None

    def can_rise(self, outcome: Outcome) -> bool:
        return outcome.passed > self.numbers.get(outcome.suite, 0)

    def rise(self, outcomes: list[Outcome]) -> None:
        self.numbers |= {o.suite: o.passed for o in outcomes if self.can_rise(o)}
        head = [line for line in self.file.read_text().splitlines() if line.startswith("#")]
        rows = [f"{suite}\t{passed}" for suite, passed in sorted(self.numbers.items())]
        self.file.write_text("\n".join(head + rows) + "\n")
