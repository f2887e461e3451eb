"""What the planner costs before it plans anything, and how much memory it takes.

Start-up, cold (no machine code on this machine) and warm (from the cache): a file that is solved,
and the code that the scheduler warms up at its start. Memory: the peak of `gemba solve` on each
file, and of the scheduler of an installation that plans open orders.
"""
