"""What would a call go through, and which stacks of layers hurt?

`explain` answers the first question for one op, `lint` the second for all of them.
"""
