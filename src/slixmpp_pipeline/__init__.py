"""A drop-in replacement for slixmpp's internal API registry, with a chain of async layers in front of each handler."""

from slixmpp_pipeline.begun import Begun, being_cancelled, own_task
from slixmpp_pipeline.call import Call, Reached, Tier
from slixmpp_pipeline.catalogue import Entry
from slixmpp_pipeline.chain import OptedOut, Route
from slixmpp_pipeline.errors import CallAborted, CallRefused, CallTimeout, PipelineError
from slixmpp_pipeline.explain import Explanation
from slixmpp_pipeline.install import install, uninstall
from slixmpp_pipeline.lint import Finding, Findings
from slixmpp_pipeline.registry import PipelineRegistry
from slixmpp_pipeline.typing import CallNext, Handler, Layer
from slixmpp_pipeline.wrapper import PipelineWrapper

__all__ = [
    "Begun",
    "Call",
    "CallAborted",
    "CallNext",
    "CallRefused",
    "CallTimeout",
    "Entry",
    "Explanation",
    "Finding",
    "Findings",
    "Handler",
    "Layer",
    "OptedOut",
    "PipelineError",
    "PipelineRegistry",
    "PipelineWrapper",
    "Reached",
    "Route",
    "Tier",
    "being_cancelled",
    "install",
    "own_task",
    "uninstall",
]
