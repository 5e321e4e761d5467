"""Has the process an OpenTelemetry provider yet?

Asked at every call until there is one. The API's own ways to ask read the environment (8 bare awaits) or make a span
that is none (4). These look at the private name that the API looks at. If a release drops that name, the answer is
never None, and only the saving is gone.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from opentelemetry import metrics, trace

_UNKNOWN: Final = object()

tracer_provider = partial(trace.get_tracer_provider.__globals__.get, "_TRACER_PROVIDER", _UNKNOWN)
"""Return the tracer provider that was set for the process; None if there is none yet."""

meter_provider = partial(metrics.get_meter_provider.__globals__.get, "_METER_PROVIDER", _UNKNOWN)
"""Return the meter provider that was set for the process; None if there is none yet."""
