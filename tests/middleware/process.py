"""What does a script print in a process of its own, where what can be set only once is not set yet?"""

from __future__ import annotations

import subprocess
import sys
import textwrap


def printed(script: str) -> list[str]:
    """Run `script`, with warnings as errors; return the lines that it printed."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
