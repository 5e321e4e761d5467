"""What would a call go through, and which stacks of layers hurt?

`explain` answers the first question for one op or for all, `lint` the second. `rules` judges a stack, `names` a ctype
and an op, and `assumed` says what a cache takes for granted of a handler.
"""
