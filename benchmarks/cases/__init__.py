"""What does it cost? A question in each module.

Read `questions` first (all of them, in the order of the answers) and `question` (what one is made of). `rounds`
measures them, `stacks` has the layers and handlers they share, `component` a whole component, and `counted` what is
counted in instructions.
"""
