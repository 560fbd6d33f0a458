"""What hostile models do. The folder is put beside a run and started there: ``python -m hostile MODULE...``.

Standard library alone, Python 3.9 and later: it runs with whatever Python an engine has. What it is after is told by
the variable ``FACTS``, in JSON; `attempt` holds the rest.
"""
