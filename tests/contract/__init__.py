"""One table of cases, run against slixmpp's own registry and against ours."""
