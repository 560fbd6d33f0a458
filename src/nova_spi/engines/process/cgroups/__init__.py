"""Control groups of the kernel (``cgroups(7)``): one for each run, version 1 or 2, where this machine lets us make one.

nova-spi makes a run's group, sets its limits and reads what it used; the launcher's child joins it before anything
else, and the launcher ends what is in it. Both do without: where there is no group the watchdogs and the launcher's own
means remain, and the report says so.
"""
