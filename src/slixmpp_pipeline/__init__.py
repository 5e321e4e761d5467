"""A drop-in replacement for slixmpp's internal API registry, with a chain of async layers in front of each handler."""

from slixmpp_pipeline.call import Call, Reached
from slixmpp_pipeline.catalogue.entry import Entry
from slixmpp_pipeline.catalogue.values import frozen, is_unchanging
from slixmpp_pipeline.errors import CallAborted, CallRefused, CallTimeout, PipelineError
from slixmpp_pipeline.events import Event
from slixmpp_pipeline.execution.pending import PendingCall
from slixmpp_pipeline.execution.suspended import Suspended
from slixmpp_pipeline.execution.tasks import being_cancelled, own_task
from slixmpp_pipeline.execution.waiting import waits_at
from slixmpp_pipeline.generations.attempts import Attempts
from slixmpp_pipeline.handlers.found import Handler, Tier
from slixmpp_pipeline.installation import install, uninstall
from slixmpp_pipeline.introspection.explain import Explanation, Explanations
from slixmpp_pipeline.introspection.frames import call_of
from slixmpp_pipeline.introspection.lint import Finding, Findings
from slixmpp_pipeline.layers.layer import CallNext, Layer
from slixmpp_pipeline.registry import PipelineRegistry
from slixmpp_pipeline.routing.observer import Observer
from slixmpp_pipeline.routing.route import OptedOut, Route
from slixmpp_pipeline.stopping import stop
from slixmpp_pipeline.wrapper import PipelineWrapper

__all__ = [
    "Attempts",
    "Call",
    "CallAborted",
    "CallNext",
    "CallRefused",
    "CallTimeout",
    "Entry",
    "Event",
    "Explanation",
    "Explanations",
    "Finding",
    "Findings",
    "Handler",
    "Layer",
    "Observer",
    "OptedOut",
    "PendingCall",
    "PipelineError",
    "PipelineRegistry",
    "PipelineWrapper",
    "Reached",
    "Route",
    "Suspended",
    "Tier",
    "being_cancelled",
    "call_of",
    "frozen",
    "install",
    "is_unchanging",
    "own_task",
    "stop",
    "uninstall",
    "waits_at",
]
