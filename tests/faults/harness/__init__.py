"""The fault harness: a command fails at its n-th step, for every n; what is left is looked at, and it runs again.

steps        which steps there are, found while a command runs, and how each of them can fail
places       an installation to break: copied for each trial, read before and after
commands     load, train, run, publish and their kind, as a user gives them
trials       a process of its own that forks: one fault each
every        all of it, on each database: ``make faults``
"""
