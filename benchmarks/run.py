"""Run the benchmarks in one process, print their tables, and write the report.

Run: python benchmarks/run.py [--quick] [--only NAME ...] [--output benchmarks/RESULTS.md]
"""

import argparse
import time
from pathlib import Path

import default_fits
import factor
import gaps
import machine
import memory
import one_pass
import passes
import prediction
import report
import scale
import search_quality
import selection
import small_fits
import structures
import threads
import time_to_answer

SECTIONS = {
    "one_pass": one_pass.tables,
    "time_to_answer": time_to_answer.tables,
    "structures": structures.tables,
    "passes": passes.tables,
    "default_fits": default_fits.tables,
    "small_fits": small_fits.tables,
    "prediction": prediction.tables,
    "factor": factor.tables,
    "gaps": gaps.tables,
    "memory": memory.tables,
    "scale": scale.tables,
    "search_quality": search_quality.tables,
    "selection": selection.tables,
    "threads": threads.tables,
}


def head(quick: bool, names: list[str], minutes: float, described: dict[str, str]) -> str:
    """Return what stands above the tables."""
    kind = "A quick run, with fewer rounds, rows and problems than were asked about," if quick else "A run"
    lines = [
        "# Benchmarks",
        "",
        f"{kind} of {', '.join(names)}; {minutes:.0f} minutes, written by `python benchmarks/run.py`. Times are "
        "medians over rounds in which the two sides alternate, and ratios are those of medians; above 1, ours is "
        "faster.",
        "",
        *(f"- {name}: {value}" for name, value in described.items()),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rows and problems")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="NAME")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "RESULTS.md")
    arguments = parser.parse_args()
    # Before the sections, whose own load is not to be told from that of others.
    described, begun = machine.describe(), time.perf_counter()
    tables = [table for name in arguments.only for table in report.run(SECTIONS[name], arguments.quick)]
    minutes = (time.perf_counter() - begun) / 60
    parts = [head(arguments.quick, arguments.only, minutes, described), *map(report.markdown, tables)]
    arguments.output.write_text("\n\n".join(part.rstrip() for part in parts) + "\n")


if __name__ == "__main__":
    main()
