"""A switchover between two sites on this machine, run and undone in front of you (`make demo`)."""
