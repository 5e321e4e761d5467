"""What does the same work take in other async libraries?

Read `counted` first (what a peer is, and how it is proved that its layers ran), then `listed` (all peers). `chains` has
those that link functions, `mediators` those that look up a handler.
"""
