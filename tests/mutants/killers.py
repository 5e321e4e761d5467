"""Which tests may notice a change to a module, and which of them are likely to?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Tests that kill most mutants of a module, where its name does not tell. They run first, then all of its folders.
_LIKELY = {
    "catalogue.entry": ["declare", "ops", "counters"],
    "catalogue.keys": ["ops", "counters"],
    "caching.route": ["layer", "single_flight"],
    "catalogue.slixmpp_ops": ["ops", "by_*", "disco"],
    "execution.eager": ["dispatch_*"],
    "execution.outcome": ["dispatch_*", "signatures"],
    "execution.stepper": ["counters", "dispatch_*"],
    "execution.suspended": ["dispatch_*", "timeout"],
    "execution.tasks": ["suspended", "dispatch_*"],
    "generations.writes": ["counters", "stepper"],
    "handlers.found": ["call", "table", "registrations"],
    "handlers.names": ["signatures", "explain"],
    "handlers.table": ["registry", "explain"],
    "layers.layer": ["scopes", "bad_input", "explain"],
    "layers.placement": ["scopes", "bypass", "explain"],
    "registry": ["bypass", "scopes", "explain", "wrapper"],
    "routing.chain": ["bypass", "counters", "explain", "ends"],
    "routing.ends": ["dispatch_*", "counters"],
    "routing.link": ["chain", "dispatch_effects", "stepper"],
    "settings": ["timeout", "layer"],
    "telemetry.instruments": ["metrics"],
    "telemetry.outcomes": ["logging", "tracing", "metrics"],
}
_FOLDERS = {
    "catalogue.slixmpp_ops": ["catalogue"],
    "catalogue.entry": ["core", "catalogue"],
    "catalogue.keys": ["core", "catalogue"],
}
for _name in ("dispatch", "handlers.signatures", "handlers.table", "installation", "registry", "routing.ends"):
    _FOLDERS[_name] = ["core", "contract"]
_FOLDER_OF = {"slixmpp_pipeline": "core", "slixmpp_middleware": "middleware", "slixmpp_inspector": "inspector"}
# Made-up examples take long, and find little that is not about them.
_ONLY_IF_LIKELY = {"tests/core/test_registry_model.py", "tests/core/test_wire.py"}


def tests_of(name: str, path: Path) -> tuple[list[str], list[str]]:
    """Return the files of tests that are likely to notice a change to a module, and those that also may."""
    folder, _, module = name.rpartition(".")
    own = [f"*/{folder}/test_{one}.py" for one in (module, f"{module}_*")] if folder else [f"*/test_{name}.py"]
    likely = _files([*own, *(f"**/test_{one}.py" for one in _LIKELY.get(name, ()))])
    folders = _FOLDERS.get(name, [_FOLDER_OF[path.relative_to(ROOT).parts[1]]])
    others = _files(f"{one}/**/test_*.py" for one in folders)
    others += [test for test in _files(["issues/test_*.py"]) if test not in others]
    left = [test for test in others if test not in likely and test not in _ONLY_IF_LIKELY]
    own_examples = str(path.relative_to(ROOT))
    return ([*likely, own_examples], left) if likely else ([], [own_examples, *left])


def _files(patterns: Iterable[str]) -> list[str]:
    found = [str(test.relative_to(ROOT)) for one in patterns for test in sorted((ROOT / "tests").glob(one))]
    return list(dict.fromkeys(found))
