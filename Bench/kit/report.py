"""The figures beside their thresholds: as a table, as JSON, and as docs/measured.md."""

import dataclasses
import json
import math
import pathlib

import measured
from kit.load import Cost


@dataclasses.dataclass(frozen=True)
class Figure:
    """A row: a cost per request, or one number, or why there is none."""

    name: str
    cost: Cost | None = None
    number: float | None = None
    failure: str = ""


class Report:
    def __init__(self, thresholds: dict, machine: str):
        self.thresholds, self.machine = thresholds, machine
        self.figures: list[Figure] = []

    def add(self, figure: Figure) -> None:
        self.figures.append(figure)

    def limit(self, figure: Figure) -> float | None:
        """What the figure may be at most; a multiple of a yardstick is counted from this run's."""
        wish = self.thresholds.get(figure.name, {})
        if factor := wish.get("times"):
            yardstick = next((f for f in self.figures if f.name == wish["of"] and not f.failure), None)
            return yardstick and factor * (yardstick.cost.cpu_us if yardstick.cost else yardstick.number)
        return wish.get("cpu_us", wish.get("most"))

    def holds(self, figure: Figure) -> bool:
        if figure.failure:
            return False
        value = figure.cost.cpu_us if figure.cost else figure.number
        limit, wish = self.limit(figure), self.thresholds.get(figure.name, {})
        if limit is not None and value > limit:
            return False
        if cost := figure.cost:
            slow = cost.p50_ms > wish.get("p50_ms", math.inf) or cost.per_second < wish.get("per_second", 0)
            return not (slow or cost.refused)
        return True

    def rows(self) -> list[tuple[str, ...]]:
        rows = [("", "CPU µs, or figure", "at most", "p50 ms", "p99 ms", "per second", "spread")]
        for figure in self.figures:
            if figure.failure:
                rows.append((figure.name, "✗", "", "", "", "", figure.failure))
                continue
            limit = self.limit(figure)
            bound = "" if limit is None else f"{limit:,.0f}"
            mark = "" if self.holds(figure) else " ✗"
            if cost := figure.cost:
                spread = f"{cost.spread[0]:,.0f}–{cost.spread[1]:,.0f}"
                if cost.refused:
                    spread = f"{cost.refused} refused"
                latencies = (f"{cost.p50_ms:.2f}", f"{cost.p99_ms:.2f}")
                row = (f"{cost.cpu_us:,.1f}{mark}", bound, *latencies, f"{cost.per_second:,.0f}", spread)
            else:
                row = (f"{figure.number:,.2f}{mark}", bound, "", "", "", "")
            rows.append((figure.name, *row))
        return rows

    def table(self) -> str:
        rows = self.rows()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        line = lambda row: row[0].ljust(widths[0]) + "".join(f"  {c.rjust(w)}" for c, w in zip(row[1:], widths[1:]))
        return "\n".join(map(line, rows))

    def write_json(self, file: pathlib.Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        facts = [
            {"name": f.name, "number": f.number, "limit": self.limit(f), "holds": self.holds(f)}
            | (dataclasses.asdict(f.cost) if f.cost else {})
            for f in self.figures
        ]
        file.write_text(json.dumps({"commit": measured.commit(), "machine": self.machine, "figures": facts}, indent=1) + "\n")

    def write_markdown(self) -> None:
        head, *rows = self.rows()
        how = f"{self.machine}. `make bench` repeats it."
        words = [
            "CPU is the server's own, user and system, for one request; latencies and rates are those of a shared machine and",
            "vary with it. ✗ marks what is over its threshold (`Bench/thresholds.json`).",
            "",
        ]
        measured.record("bench", "Costs", how, words + measured.table(head, rows))
