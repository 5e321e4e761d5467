"""How does a call run: at once, or as a task?

Read `tasks` first (which task is running), then `suspended` (a coroutine that has begun) and `stepper` (how it begins
without a task). `eager` begins a task at once on each Python, `outcome` awaits what a handler returned, and `pending`
keeps the calls under way.
"""
