"""What earlier runs of a plan have done to Subscriptions, as their records tell."""

from __future__ import annotations

from runner import vocabulary as words
from runner.kube.answers import NotAllowed, NotServed
from runner.kube.engine import Engine
from runner.kube.objects import Object
from runner.naming import label_value
from runner.vocabulary import ActionType


def records_of_plan(engine: Engine) -> list[Object]:
    """The records of all that runs of the plan have done to Subscriptions, forward and back."""
    run = engine.acting.identity.run
    wanted = {words.LABEL_PLAN: label_value(run.plan), words.LABEL_TYPE: label_value(ActionType.SUBSCRIPTION)}
    selector = ",".join(f"{name}={value}" for name, value in wanted.items())
    try:
        return engine.read(
            lambda: engine.cluster.list(words.API_VERSION, words.KIND_RECORD, run.namespace, selector=selector),
            "list the records of the plan",
        )
    except (NotServed, NotAllowed) as error:
        engine.acting.console.say(f"warning: what earlier runs have made a cluster each is not known: {error}")
        return []
