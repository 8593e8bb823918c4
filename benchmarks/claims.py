"""Question: do the claims of the papers and texts on cyclical learning rates hold, on real data?

Command:  python benchmarks/claims.py [--quick] [--claims ab] [--seeds N] [--jobs 2] [--resnet18]
Method:   scikit-learn's digits, 5,000 images of MNIST and the text of Python's library; Adam, for claim b also SGD with
          momentum; 8 seeds, of the digits 24, the same for all methods, each with a range test of its own where bounds
          are suggested. Every run is a row of results/claims.csv as soon as it has ended: interrupted work goes on
          where it stopped, and another version of the rule for the bounds repeats only what depends on it. claims.md is
          made from that file; claims that did not hold come first. Linear decay to zero from the same peak stands
          beside CLR.
Columns:  those of the CSV file are explained in papers/runs.py.
Needs:    torch, mlxtend, scikit-learn; optax for the digits in JAX; for claim h prodigyopt, schedulefree, lightning and
          fastai, each left out where it is missing. fastai wants torchvision, which it does not need here: install it
          with --no-deps, as in the peers env of tox.ini.
Target:   claim b: 0.36 of the updates on at least two of three data sets.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "papers"))

import claim_list
import methods
import tables
from runs import Key, Run, Store
from tqdm import tqdm

FOLDER = Path(__file__).parent
RESULTS, REPORT = FOLDER / "results" / "claims.csv", FOLDER / "claims.md"


def train(key: Key) -> list[Run]:
    return methods.train(claim_list.task_of(key.task), key.method, key.updates, key.seed)


def is_done(key: Key, store: Store) -> bool:
    method = f"{key.method}: ensemble" if key.method == "snapshots" else key.method
    return key._replace(method=method) in store.runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed of each method of the digits; writes nothing")
    parser.add_argument("--claims", default="".join(claim_list.CLAIMS), help="which, such as ab; all by default")
    parser.add_argument("--seeds", type=int, help="of each method; by default those of the task, see papers/tasks.py")
    parser.add_argument("--jobs", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--resnet18", action="store_true", help="the article's ResNet-18 as well, 3 seeds")
    arguments = parser.parse_args()
    seeds = 1 if arguments.quick else arguments.seeds
    store = Store(None if arguments.quick else RESULTS)
    needed = {
        key: None
        for claim in arguments.claims
        for key in claim_list.keys(claim, seeds=seeds, resnet18=arguments.resnet18)
        if not is_done(key, store)
    }
    if arguments.quick:
        needed = quickest(needed)
    needed = dict.fromkeys(sorted(needed, key=lambda key: key.seed))  # interrupted, it has few seeds of all
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(train, key) for key in needed]
        for future in tqdm(as_completed(futures), total=len(futures), desc="training runs"):
            store.add(future.result())
    store.sort()
    text = tables.report(list(store.runs.values()))
    if arguments.quick:
        print(text)
    else:
        REPORT.write_text(text, encoding="utf-8")
        print(f"{REPORT.name} has the tables; its first lines:\n")
        print("\n".join(text.splitlines()[:30]))


def quickest(needed: dict[Key, None]) -> dict[Key, None]:
    """Each method once, at the smallest of its budgets, on the first task that has it, and those in Optax."""
    found: dict[tuple[str, bool], Key] = {}
    for key in needed:
        kind = key.method, key.task.endswith("Optax")
        held = found.setdefault(kind, key)
        if key.task == held.task and key.updates < held.updates:
            found[kind] = key
    return dict.fromkeys(found.values())


if __name__ == "__main__":
    main()
