"""Question: what does `import clr_core` cost over a bare interpreter?

Command:  python benchmarks/core_import.py [--quick]
Method:   each round starts this interpreter twice without site-packages, once to import clr_core and once
          to do nothing, which first changing from round to round; the difference is taken within the round,
          in CPU time. A first round, which writes the bytecode, is not counted.
Target:   a median difference of at most 30 ms.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import resource
import statistics
import subprocess
import sys
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "core_import.csv"


def milliseconds(code: str) -> float:
    """CPU time of an interpreter that runs ``code``, from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few rounds; writes nothing")
    quick = parser.parse_args().quick
    found = importlib.util.find_spec("clr_core")
    if found is None or found.origin is None:
        raise SystemExit("clr_core must be installed, or on PYTHONPATH")
    bare = f"import sys; sys.path.insert(0, {str(Path(found.origin).parents[1])!r})"
    ours = f"{bare}; import clr_core"
    rows = []
    for index in range((7 if quick else 51) + 1):
        timed = {code: milliseconds(code) for code in ([bare, ours] if index % 2 else [ours, bare])}
        if index:
            rows.append({"bare_ms": timed[bare], "import_ms": timed[ours], "added_ms": timed[ours] - timed[bare]})
    low, middle, high = statistics.quantiles([row["added_ms"] for row in rows], n=4)
    base, full = (statistics.median(row[name] for row in rows) for name in ("bare_ms", "import_ms"))
    print(f"import clr_core adds {middle:.1f} ms (quartiles {low:.1f} and {high:.1f}, {len(rows)} pairs)")
    print(f"bare interpreter {base:.1f} ms, with the import {full:.1f} ms, ratio {full / base:.2f}")
    if not quick:
        with RESULTS.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({name: round(value, 3) for name, value in row.items()} for row in rows)


if __name__ == "__main__":
    main()
