"""Which changes to the code does no test notice? cosmic-ray makes them, one at a time, in a copy of the tree.

`python -m tests.mutants [MODULE ...]` looks at the modules named (`handlers.table`, `caching.keys`), or at all, and
exits with 1 if a mutant survives that `equivalent.toml` does not list. It needs the extra `mutants`.

Results are kept by the module's text and the Python. Run again, it goes on where it was, and gives new tests a chance
with what had survived; `--fresh` begins anew, since tests may have become weaker.

Code for other versions of Python is left out (see `idle`): `execution.eager` is to be run on 3.11, too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from tests.mutants.idle import Place, idle
from tests.mutants.killers import ROOT, tests_of
from tests.mutants.listed import Mutant, entries, modules, mutants_of

_LEFT_BEHIND = shutil.ignore_patterns(".*", "build", "dist")
_COSMIC_RAY = [sys.executable, "-m", "cosmic_ray.cli"]
_PYTEST = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
_PYTEST += ["-p", "no:hypothesispytest"]  # it needs as long to load as all the rest
_PYTEST += ["-o", "faulthandler_timeout=60", "-o", "faulthandler_exit_on_timeout=true"]  # the slowest takes 7 seconds
_ENVIRONMENT = {"CI": "1"}  # the same examples each time, in Hypothesis


class Made(NamedTuple):
    """A mutant that was made, by the job of cosmic-ray that did it, and what became of it, if anything has yet."""

    job: str
    mutant: Mutant
    place: Place
    outcome: str | None
    output: str | None
    diff: str | None


def main() -> int:
    """Mutate the modules that the command line names, a few at once; return the exit code."""
    there = modules()
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(there))
    parser.add_argument("--jobs", type=int, default=1, help="modules at once, each in a copy of its own")
    parser.add_argument("--sessions", type=Path, default=ROOT / "build" / "mutants", help="where results are kept")
    parser.add_argument("--fresh", action="store_true", help="forget what is known of these modules")
    given = parser.parse_args()
    if unknown := set(given.modules) - there.keys():
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    given.sessions.mkdir(parents=True, exist_ok=True)

    def is_good(name: str) -> bool:
        digest = sha256(there[name].read_bytes()).hexdigest()[:8]
        session = given.sessions.resolve() / f"{name}-{sys.version_info.major}.{sys.version_info.minor}-{digest}.sqlite"
        if given.fresh:
            session.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"mutants-{name}-") as folder:
            _run(name, there[name], session, Path(folder))
        return _report(name, there[name].read_text(encoding="utf-8"), session)

    with ThreadPoolExecutor(given.jobs) as pool:
        return 0 if all(list(pool.map(is_good, given.modules or there))) else 1


def _run(name: str, path: Path, session: Path, folder: Path) -> None:
    """Do what `session` has left to do, in a copy of the tree."""
    tree, config = folder / "tree", folder / "config.toml"
    shutil.copytree(ROOT, tree, ignore=_LEFT_BEHIND)
    environment = os.environ | _ENVIRONMENT | {"PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree / 'middleware'}"}
    # Twice pytest, because it collects everything before it runs anything.
    command = ["sh", "-c", " && ".join(shlex.join([*_PYTEST, *tests]) for tests in tests_of(name, path) if tests)]
    began = time.monotonic()
    subprocess.run(command, cwd=tree, env=environment, check=True, stdout=subprocess.DEVNULL)
    config.write_text(
        f"[cosmic-ray]\nmodule-path = {json.dumps(str(path.relative_to(ROOT)))}\nexcluded-modules = []\n"
        f"timeout = {10 * (time.monotonic() - began):.1f}\ntest-command = {json.dumps(shlex.join(command))}\n"
        '[cosmic-ray.distributor]\nname = "local"\n',
        encoding="utf-8",
    )
    if not session.exists():
        subprocess.run([*_COSMIC_RAY, "init", config, folder / "session"], cwd=tree, check=True)
        shutil.move(folder / "session", session)
    source, may_survive = path.read_text(encoding="utf-8"), _listed(name)
    made = list(_made(source, session))
    shows_nothing = idle(source)
    left_out = [one.job for one in made if shows_nothing(one.mutant.operator, one.place)]
    again = [one.job for one in made if one.outcome == "SURVIVED" and one.mutant not in may_survive]
    with closing(sqlite3.connect(session)) as results, results:
        for table in ("work_results", "mutation_specs", "work_items"):
            results.executemany(f"DELETE FROM {table} WHERE job_id = ?", [(job,) for job in left_out])
        results.executemany("DELETE FROM work_results WHERE job_id = ?", [(job,) for job in again])
    subprocess.run([*_COSMIC_RAY, "exec", config, session], cwd=tree, env=environment, check=True)


def _listed(name: str) -> set[Mutant]:
    return {mutant for entry in entries().get(name, ()) for mutant in mutants_of(entry)}


def _made(source: str, session: Path) -> Iterator[Made]:
    """Iterate over the mutants of a session, in the order of the text, with what became of them."""
    lines, seen = source.splitlines(), Counter[tuple[str, str]]()
    query = (
        "SELECT job_id, operator_name, start_pos_row, start_pos_col, test_outcome, output, diff FROM mutation_specs"
        " LEFT JOIN work_results USING (job_id) ORDER BY start_pos_row, start_pos_col, occurrence"
    )
    with closing(sqlite3.connect(session)) as results:
        for job, operator, row, column, outcome, output, diff in results.execute(query).fetchall():
            what = lines[row - 1].strip(), operator.removeprefix("core/")
            seen[what] += 1
            yield Made(job, Mutant(*what, seen[what]), (row, column), outcome, output, diff)


def _report(name: str, source: str, session: Path) -> bool:
    """Print how a module did; whether every mutant is killed or listed, and nothing else is listed."""
    made, may_survive = list(_made(source, session)), _listed(name)
    survivors = [one for one in made if one.outcome != "KILLED"]
    missed = [one for one in survivors if one.mutant not in may_survive]
    stale = may_survive - {one.mutant for one in survivors}
    failed = [one for one in made if re.search(r"\d (failed|error)", one.output or "")]
    killed = len(made) - len(survivors)  # without a failed test: it hung, or could not be imported
    counts = f"{killed} killed ({killed - len(failed)} without a failed test), {len(survivors) - len(missed)} listed"
    lines = [f"{name}: {len(made)} mutants, {counts}, {len(missed)} missed"]
    for one in missed:
        changes = [line for line in (one.diff or "").splitlines()[3:] if line.startswith(("+", "-"))]
        lines += [f"  line {one.place[0]}: {one.mutant.operator}#{one.mutant.number}", *changes]
    lines += [f"  listed, and killed or not there: {mutant}" for mutant in sorted(stale)]
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()
    return not missed and not stale


if __name__ == "__main__":
    sys.exit(main())
