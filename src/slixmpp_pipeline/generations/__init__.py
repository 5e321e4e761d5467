"""Is an answer that a cache keeps still good?

Read `counters` first (the generations of what an op reads), then `writes` (how a write moves them).
"""
