"""``python -m fastmlp.experiments``: run experiments, and check that what should come out does."""

import argparse
import sys
import time
from pathlib import Path

from . import SIZES, get, names


def main():
    """Run what is asked for; return 1 where a conclusion does not hold."""
    parser = argparse.ArgumentParser(prog="python -m fastmlp.experiments", description=__doc__)
    parser.add_argument("id", nargs="*", help="of experiments; all by default")
    parser.add_argument("--size", choices=SIZES, default="quick")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="folder for tables and pictures")
    asked = parser.parse_args()
    if asked.output:
        import matplotlib

        matplotlib.use("Agg")
    known, failed = names(), []
    for module in dict.fromkeys(known[one] for one in asked.id or known):
        lesson, started = get(next(i for i, name in known.items() if name == module)), time.perf_counter()
        result = lesson.run(size=asked.size, seed=asked.seed)
        print(f"{result}\n", flush=True)
        for conclusion, holds in lesson.CONCLUSIONS.items():
            if not (right := bool(holds(result))):
                failed.append(f"{result.id}: {conclusion}")
            print(f"  {'holds' if right else 'FAILS'}: {conclusion}")
        if asked.output:
            result.save(asked.output / result.id)
        print(f"  {time.perf_counter() - started:.1f} s\n", flush=True)
    print("\n".join(["all conclusions hold"] if not failed else ["these conclusions do not hold:", *failed]))
    return 1 if failed and asked.size != "tiny" else 0


if __name__ == "__main__":
    sys.exit(main())
