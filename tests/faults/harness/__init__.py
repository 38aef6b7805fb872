"""The fault harness: a command fails at its n-th step, for every n; what is left is looked at, and it runs again.

steps        which steps there are, found while a command runs, and how each of them can fail
databases    the same for what is asked of a database
places       an installation to break: copied for each trial, read before and after
originals    such installations, made
commands     load, train, run and publish, as a user gives them
trials       a process of its own that forks: one fault each
verdict      what must hold after each
every        all of it, on each database: ``make faults``
"""
