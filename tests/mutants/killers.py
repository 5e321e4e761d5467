"""Which tests may notice a change to a module, and which of them are likely to?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Tests that kill most mutants of a module, where its name does not tell. They run first, then all of its folders.
_LIKELY = {
    "answer": ["invoke_*"],
    "begun": ["invoke_*", "timeout"],
    "catalogue": ["declare", "ops", "generations"],
    "chain": ["routes", "bypass", "generations", "explain", "answer"],
    "checks": ["timeout", "retry", "caching"],
    "eager": ["invoke_*"],
    "link": ["routes", "invoke_effects", "stepper"],
    "stepper": ["generations", "invoke_*"],
    "writes": ["generations", "stepper"],
    "layer": ["scopes", "bad_input", "explain"],
    "placed": ["scopes", "bypass", "explain"],
    "registry": ["bypass", "scopes", "explain", "wrapper"],
    "resolver": ["registry", "explain"],
    "slixmpp_ops": ["ops", "by_*", "disco"],
    "telemetry": ["logging", "tracing", "metrics"],
}
_FOLDERS = {"catalogue": ["core", "catalogue"], "slixmpp_ops": ["catalogue"]}
for _name in ("answer", "callables", "install", "invoke", "registry", "resolver"):
    _FOLDERS[_name] = ["core", "contract"]
# Made-up examples take long, and find little that is not about them.
_ONLY_IF_LIKELY = {"tests/core/test_registry_model.py", "tests/core/test_wire.py"}


def tests_of(name: str, path: Path) -> tuple[list[str], list[str]]:
    """Return the files of tests that are likely to notice a change to a module, and those that also may."""
    own = [one for part in (name.replace(".", "_"), name.partition(".")[0]) for one in (part, f"{part}_*")]
    likely = _files(f"*/test_{one}.py" for one in [*own, *_LIKELY.get(name, ())])
    folders = _FOLDERS.get(name, ["core"] if "slixmpp_pipeline" in path.parts else ["middleware"])
    others = _files(f"{folder}/test_*.py" for folder in folders)
    others += [test for test in _files(["issues/test_*.py"]) if test not in others]
    left = [test for test in others if test not in likely and test not in _ONLY_IF_LIKELY]
    own_examples = str(path.relative_to(ROOT))
    return ([*likely, own_examples], left) if likely else ([], [own_examples, *left])


def _files(patterns: Iterable[str]) -> list[str]:
    found = [str(test.relative_to(ROOT)) for one in patterns for test in sorted((ROOT / "tests").glob(one))]
    return list(dict.fromkeys(found))
