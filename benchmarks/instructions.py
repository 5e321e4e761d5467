"""How many instructions a call costs, against slixmpp's own registry: steady where time is not.

Valgrind's callgrind counts them. Nothing is timed. Exits with 1 if a case costs more than the bound beside it, and with
0 where there is no valgrind. See README.md beside this file.
"""

from __future__ import annotations

import asyncio
import gc
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from cases.counted import CASES, Case, call, registry

FEW, MANY = 200, 1200  # calls; what both have in common is not the call

# Where things lie in memory decides whether two names share a place in the interpreter's cache of attributes. Then each
# call costs 800 instructions more with the same code. The least of three layouts is without.
SEEDS = ("0", "1", "2")


def main() -> None:
    """Count, and print a table."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print("skipped: valgrind is not installed (Debian package valgrind)")
        return
    counted = count(valgrind)
    print(f"CPython {platform.python_version()}, {platform.machine()}\n")
    print("| case | x slixmpp | at most | instructions a call |\n|-|-|-|-|")
    base, too_many = 0.0, []
    for case in CASES:
        base = counted[case.name] if case.layers is None else base
        ratio = counted[case.name] / base
        print(f"| {case.name} | {ratio:.3f} | {case.instructions} | {counted[case.name]:,.0f} |")
        if ratio > case.instructions:
            too_many.append(case.name)
    if too_many:
        sys.exit(f"\ntoo many instructions: {'; '.join(too_many)}")


def count(valgrind: str) -> dict[str, float]:
    """Return the instructions that one call of each case costs, in the layout that is best for it."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # threads that wait for processes
        layouts = list(pool.map(partial(count_with, valgrind), SEEDS))
    return {case.name: min(layout[case.name] for layout in layouts) for case in CASES}


def count_with(valgrind: str, seed: str) -> dict[str, float]:
    """Return the instructions that one call of each case costs: those of many calls, less those of a few."""
    with tempfile.TemporaryDirectory() as folder:
        command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={folder}/%p", "--trace-children=yes"]
        done = subprocess.run(  # noqa: S603  valgrind, and this file
            [*command, sys.executable, __file__, "--counted"],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
    collected = {int(pid): int(total) for pid, total in re.findall(r"==(\d+)== Collected : (\d+)", done.stderr)}
    totals = {name: collected[int(pid)] for pid, name in re.findall(r"^(\d+) (.*)$", done.stdout, re.MULTILINE)}
    return {case.name: (totals[f"{MANY} {case.name}"] - totals[f"{FEW} {case.name}"]) / (MANY - FEW) for case in CASES}


def run_counted() -> None:
    """Make the calls of each case in processes of their own, which have all else in common, and print their ids."""
    for case in CASES:
        for times in (FEW, MANY):
            child = os.fork()
            if child == 0:
                run_case(case, times)
                sys.exit()
            os.waitpid(child, 0)
            print(f"{child} {times} {case.name}", flush=True)


def run_case(case: Case, times: int) -> None:
    """Make the call of a case so many times, in a loop that runs."""
    gc.disable()

    async def run() -> None:
        await call(registry(case), case, times)

    asyncio.run(run())


if __name__ == "__main__":
    run_counted() if "--counted" in sys.argv else main()
