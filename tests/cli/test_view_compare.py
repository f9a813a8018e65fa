"""What is different between two graphs of a plan."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph import build
from compiler.model.phases import PlanFailurePolicy
from drplan.view.compare import How, What, compare
from drplan.view.difftext import lines
from drplan.view.rendered import flatten
from drplan.view.symbols import UNICODE
from support.plans import http, plan, snapshot, stage, use, workflow
from support.screens import text

WORKFLOWS = {
    "check": [http("ping"), http("verify", "http://b.example/")],
    "move": [http("freeze", method="PUT"), http("promote", method="POST", body="now"), http("verify")],
    "tell": [http("mail")],
}
STAGES = [stage("prepare", "check", parallel=True), stage("database", "move"), stage("people", "tell")]


def made(stages=STAGES, workflows=WORKFLOWS, *, mode="", params=None, **spec):
    listed = [workflow(name, *actions) for name, actions in workflows.items()]
    return build(snapshot(plan(*stages, **spec), *listed, mode=mode, params=params))


def changed(**workflows):
    return made(workflows=WORKFLOWS | workflows)


def told(before, after):
    return [
        (str(each.how), str(each.what), "/".join(each.names), each.before, each.after)
        for each in compare(before, after)
    ]


def fields(before, after):
    return {
        (*each.names, change.name): (change.before, change.after)
        for each in compare(before, after)
        for change in each.fields
    }


def test_the_same_plan_has_no_differences():
    assert compare(made(), made()) == []


def test_a_changed_action_is_told_field_by_field():
    freeze, promote, verify = WORKFLOWS["move"]
    after = changed(
        move=[freeze, promote | {"http": promote["http"] | {"url": "http://new.example/"}, "timeout": "10m"}, verify]
    )
    assert told(made(), after) == [("changed", "action", "database/move/promote", "s2.w1.a2", "s2.w1.a2")]
    assert fields(made(), after) == {
        ("database", "move", "promote", "http.url"): ("http://site.example/", "http://new.example/"),
        ("database", "move", "promote", "timeout"): ("5m0s", "10m0s"),
    }


def test_what_stands_behind_an_added_action_has_not_changed():
    after = changed(move=[http("first"), *WORKFLOWS["move"]])
    assert told(made(), after) == [("added", "action", "database/move/first", "", "s2.w1.a1")]
    assert told(after, made()) == [("removed", "action", "database/move/first", "s2.w1.a1", "")]


def test_the_fewest_actions_have_moved():
    freeze, promote, verify = WORKFLOWS["move"]
    after = changed(move=[verify, freeze, promote])
    assert told(made(), after) == [("moved", "action", "database/move/verify", "s2.w1.a3", "s2.w1.a1")]


def test_an_action_that_went_to_another_workflow_has_moved():
    after = changed(move=WORKFLOWS["move"][:1] + WORKFLOWS["move"][2:], tell=[*WORKFLOWS["tell"], WORKFLOWS["move"][1]])
    assert told(made(), after) == [("moved", "action", "people/tell/promote", "s2.w1.a2", "s3.w1.a2")]


def test_an_action_that_only_has_the_name_of_one_elsewhere_is_another_one():
    after = changed(move=WORKFLOWS["move"][:2], tell=[*WORKFLOWS["tell"], http("verify", "http://other.example/")])
    assert [each[:3] for each in told(made(), after)] == [
        ("removed", "action", "database/move/verify"),
        ("added", "action", "people/tell/verify"),
    ]


def test_a_removed_stage_goes_with_all_that_is_in_it():
    assert told(made(), made(STAGES[:2])) == [
        ("removed", "stage", "people", "s3", ""),
        ("removed", "workflow", "people/tell", "s3.w1", ""),
        ("removed", "action", "people/tell/mail", "s3.w1.a1", ""),
    ]


def test_a_workflow_that_went_to_another_stage_has_moved_with_its_actions():
    before = made([stage("prepare", "tell", "check"), stage("people", "move")])
    after = made([stage("prepare", "tell"), stage("people", "move", "check")])
    assert told(before, after) == [("moved", "workflow", "people/check", "s1.w2", "s2.w2")]


def test_the_stages_that_swapped_are_one_move():
    after = made([STAGES[1], STAGES[0], STAGES[2]])
    assert [each[:2] for each in told(made(), after)] == [("moved", "stage")]


def test_the_same_workflow_twice_is_matched_use_by_use():
    before = made([stage("s", "check", "check")])
    after = made([stage("s", "check", "check", "check")])
    assert told(before, after)[0] == ("added", "workflow", "s/check", "", "s1.w3")


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (made(failurePolicy="Continue"), {("pay", "failurePolicy"): ("Stop", "Continue")}),
        (made(description="new"), {("pay", "description"): ("", "new")}),
        (made([STAGES[0] | {"parallel": False}, *STAGES[1:]]), {("prepare", "parallel"): (True, False)}),
        (
            made([*STAGES[:2], STAGES[2] | {"failurePolicy": "FailFast"}]),
            {("people", "failurePolicy"): ("Stop", "FailFast")},
        ),
        (
            made([STAGES[0], STAGES[1] | {"dependsOn": ["prepare"]}, STAGES[2] | {"dependsOn": ["prepare"]}]),
            {("database", "dependsOn"): ([], ["prepare"]), ("people", "dependsOn"): ([], ["prepare"])},
        ),
    ],
    ids=["plan policy", "description", "parallel", "stage policy", "order"],
)
def test_what_a_plan_or_a_stage_says_itself_is_compared(after, expected):
    found = fields(made(), after)
    assert {place: found.get(place) for place in expected} == expected
    assert all(each.what in (What.PLAN, What.STAGE) for each in compare(made(), after))


def test_what_a_stage_needs_counts_only_where_the_plan_goes_on_after_a_failure():
    succeeded = [STAGES[0], STAGES[1] | {"dependsOnPolicy": "Succeeded"}, STAGES[2]]
    assert compare(made(), made(succeeded)) == []
    going_on = {"failurePolicy": PlanFailurePolicy.CONTINUE.value}
    assert fields(made(**going_on), made(succeeded, **going_on)) == {
        ("database", "dependsOnPolicy"): ("Finished", "Succeeded")
    }


def test_an_action_that_does_not_run_any_more_says_only_that():
    ping, verify = WORKFLOWS["check"]
    guarded = changed(check=[ping | {"when": "params.x == yes"}, verify])
    found = fields(made(), guarded)
    assert set(found) == {("prepare", "check", "ping", "runs")}
    before, after = found["prepare", "check", "ping", "runs"]
    assert before is True
    assert after.startswith("Skipped: ")


def test_a_value_that_only_the_run_knows_is_compared_as_it_is_written():
    def with_body(text):
        return changed(move=[http("freeze"), http("promote", method="POST", body=text), http("verify")])

    before, after = with_body("to $(outputs.freeze.json.a)"), with_body("to $(outputs.freeze.json.b), $$(x)")
    assert fields(before, after)["database", "move", "promote", "http.body"] == (
        "to $(outputs.freeze.json.a)",
        "to $(outputs.freeze.json.b), $(x)",
    )


def test_an_output_is_the_same_when_its_action_stands_elsewhere():
    late = http("promote", method="POST", body="$(outputs.freeze.json.a)")
    before, after = changed(move=[http("freeze"), late]), changed(move=[http("new"), http("freeze"), late])
    assert told(before, after) == [("added", "action", "database/move/new", "", "s2.w1.a1")]


def test_dependencies_are_compared_by_name():
    def linked(*after):
        return changed(check=[http("a"), http("b", dependsOn=["a"]), http("c", dependsOn=list(after))])

    assert fields(linked("a"), linked("b")) == {("prepare", "check", "c", "dependsOn"): (["a"], ["b"])}


def test_parameters_are_compared_by_what_they_render_to():
    def site(address):
        return made([stage("s", use("check", site=address))], {"check": [http("x", "$(params.site)/x")]})

    assert fields(site("http://a"), site("http://b")) == {("s", "check", "x", "http.url"): ("http://a/x", "http://b/x")}
    assert compare(site("http://a"), site("http://a")) == []


def test_fields_have_paths_that_can_be_told_apart():
    value = {"headers": {"a.b": "1", "Accept": "x"}, "list": [{"n": 1}, []], "empty": {}}
    assert flatten(value) == {
        'headers["a.b"]': "1",
        "headers.Accept": "x",
        "list[0].n": 1,
        "list[1]": [],
        "empty": {},
    }


NAMES = [f"x{index}" for index in range(8)]


@given(st.permutations(NAMES), st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_every_action_that_is_on_one_side_is_told_and_the_others_keep_their_identity(order, here, there):
    before = changed(tell=[http("z"), *(http(name) for name in NAMES if name in here)])
    after = changed(tell=[http("z"), *(http(name) for name in order if name in there)])
    found = compare(before, after)
    names = {how: {each.names[-1] for each in found if each.how is how} for how in How}
    assert names[How.REMOVED] == here - there
    assert names[How.ADDED] == there - here
    assert names[How.CHANGED] == set()
    assert names[How.MOVED] <= here & there
    common = [name for name in order if name in here & there]
    kept = [name for name in common if name not in names[How.MOVED]]
    assert kept == sorted(kept)


def shown(before, after):
    return text(lines(compare(before, after), UNICODE))


def test_differences_are_shown_in_the_order_of_the_plan():
    freeze, promote, verify = WORKFLOWS["move"]
    after = made(
        [*STAGES, stage("late", "tell")],
        WORKFLOWS | {"move": [verify, freeze, promote | {"timeout": "10m"}], "check": WORKFLOWS["check"][:1]},
    )
    assert shown(made(), after) == [
        "- removed  action    prepare / check / verify  was s1.w1.a2",
        "> moved    action    database / move / verify  s2.w1.a1, was s2.w1.a3",
        "~ changed  action    database / move / promote  s2.w1.a3, was s2.w1.a2",
        '    timeout: "5m0s" → "10m0s"',
        "+ added    stage     late  s4",
        "+ added    workflow  late / tell  s4.w1",
        "+ added    action    late / tell / mail  s4.w1.a1",
        "",
        "3 added, 1 removed, 1 moved, 1 changed",
    ]


def test_texts_of_several_lines_are_shown_line_by_line():
    def body(text):
        return changed(move=[http("freeze"), http("promote", method="POST", body=text), http("verify")])

    many = [f"line {number}" for number in range(20)]
    other = copy.copy(many)
    other[2], other[15] = "-- a comment", "  indented \x1b[1m"
    assert shown(body("\n".join(many)), body("\n".join(other)))[:10] == [
        "~ changed  action    database / move / promote  s2.w1.a2",
        "    http.body:",
        "          line 1",
        "        - line 2",
        "        + -- a comment",
        "          line 3",
        "        …",
        "          line 14",
        "        - line 15",
        "        +   indented",
    ]


def test_a_difference_as_json_has_only_what_it_has():
    found = [each.to_json() for each in compare(made(), changed(tell=[*WORKFLOWS["tell"], http("post")]))]
    assert found == [{"how": "added", "what": "action", "names": ["people", "tell", "post"], "after": "s3.w1.a2"}]
