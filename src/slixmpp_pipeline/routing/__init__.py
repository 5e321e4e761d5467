"""What does a call of one op go through?

Read `chain` first (the layers of an op, linked in front of its handlers), then `ends` (what calls the handler) and
`link` (how layers become one callable).
"""
