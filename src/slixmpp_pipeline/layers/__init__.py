"""Which layers apply to an op, and in which order?

Read `layer` first (what a layer is), then `scopes` (everywhere, a ctype, an op). `placement` says where a layer was
registered, `bypass` which calls leave layers out.
"""
