"""`python -m runner`: the same as `drplan-runner`."""

from runner.main import main

main()
