"""A project becomes a plan, with all that is heavy: environment, assets, folders, the job of each worker."""
