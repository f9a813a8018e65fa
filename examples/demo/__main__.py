"""The demo: two sites, a switchover, visitors before and after, and the way back.

    python -m examples.demo [--fail] [--state DIR]

It shows every `drplan` command before it runs it, so that each can be typed by hand afterwards.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from examples.demo.sites import Site, pair, visitors

PLAN = os.path.relpath(Path(__file__).parent / "plan")
NAME = "shop-switchover"


def say(text: str) -> None:
    """Print a line of the story."""
    print(f"\n── {text}", flush=True)


def drplan(*arguments: str) -> int:
    """Show a `drplan` command, run it and return its exit code."""
    print(f"$ drplan {' '.join(arguments)}", flush=True)
    return subprocess.run([sys.executable, "-m", "drplan", *arguments], check=False).returncode


def show_visitors(*sites: Site) -> list[str]:
    """Print and return who serves visitors."""
    served = visitors(*sites)
    print(f"visitors are served by: {', '.join(served) or 'nobody'}", flush=True)
    return served


def demonstrate(first: Site, second: Site, *, state: Path, fail: bool) -> bool:
    """Run the story; true when everything went as it should."""
    where = ["--state", str(state)]
    say("two sites are up; a serves the visitors")
    before = show_visitors(first, second)

    say(f"what {NAME} would do, checked without running anything")
    checked = drplan("validate", "-f", PLAN)

    second.broken = fail
    say("run it; the smoke test of site b will fail" if fail else "run it")
    parameters = ["-p", f"siteA={first.url}", "-p", f"siteB={second.url}"]
    ran = drplan("run", "-f", PLAN, *parameters, *where)
    after = show_visitors(first, second)

    say("undo what was done" if fail else "and back again")
    execution = newest(state, "execute")
    reverted = drplan("revert", execution, *where)
    back = show_visitors(first, second)

    say("what is left to look at")
    drplan("history", NAME, *where)
    folder = state / "default" / "executions" / execution
    print(f"\nstatus of the run:      {folder / 'execution.json'}")
    print(f"compiled Argo Workflow: {folder / 'workflow-e1.json'}")
    print(f"record of each action:  {folder / 'records'}")
    expected = ["site-a", "site-b"] if fail else ["site-b"]
    return (
        checked == 0
        and ran == (2 if fail else 0)
        and reverted == 0
        and (before, after, back)
        == (
            ["site-a"],
            expected,
            ["site-a"],
        )
    )


def newest(state: Path, operation: str) -> str:
    """Name of the newest execution of the demo's plan."""
    folder = state / "default" / "executions"
    names = [path.name for path in folder.glob(f"{NAME}-{operation}-*")]
    return max(names, key=lambda name: int(name.rsplit("-", 1)[1]))


def main() -> int:
    """Start the sites, run the story, stop the sites."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__.splitlines()[0])
    parser.add_argument("--fail", action="store_true", help="let the smoke test fail, and undo what was done")
    parser.add_argument("--state", type=Path, default=Path(".drplan/demo"), help="folder for what the runs leave")
    arguments = parser.parse_args()
    sites = pair()
    for site in sites:
        site.start()
    try:
        good = demonstrate(*sites, state=arguments.state, fail=arguments.fail)
    finally:
        for site in sites:
            site.stop()
    print("\nthe demo went as it should" if good else "\nthe demo did NOT go as it should", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
