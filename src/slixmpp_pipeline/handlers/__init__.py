"""Which handler answers a call?

Read `found` first (what was registered, and how specific it is), then `table` (the search for the most specific one).
`registrations` keeps the tables of a registry, `signatures` and `names` say what kind of function a handler is.
"""
