"""Placeholders, conditions, durations, recorded outputs and order: the small pure parts of the graph."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph import conditions, order
from compiler.graph.durations import format_duration, parse_duration
from compiler.graph.outputs import look_up
from compiler.graph.text import OutputHole, PlaceholderKind, in_value, placeholders, pointer, render, render_value


def values(**known: str):
    def resolve(found):
        if found.kind is PlaceholderKind.OUTPUT:
            return OutputHole("a1", found.path)
        return known[found.name]

    return resolve


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", ("plain",)),
        ("", ("",)),
        ("$(params.a)", ("1",)),
        ("x$(params.a)y$(planName)", ("x1ypay",)),
        ("$(params.my-param)/$(params.my_param)", ("2/3",)),
        ("{{ .params.a }}{{.planName}}", ("1pay",)),
        ("$$(params.a)", ("$(params.a)",)),
        ("$$$(params.a)", ("$$(params.a)",)),
        (
            "$(date) $(hostname -f) $(POD_NAME) ${HOME} $((1+2))",
            ("$(date) $(hostname -f) $(POD_NAME) ${HOME} $((1+2))",),
        ),
        ("{{ .Values.x }} {{ range }} {{ .stage }}", ("{{ .Values.x }} {{ range }} {{ .stage }}",)),
        ("a$(outputs.check.json.items[0].ip)b", ("a", OutputHole("a1", "json.items[0].ip"), "b")),
    ],
)
def test_a_text_is_rendered_in_one_pass(text, expected):
    resolve = values(a="1", planName="pay", **{"my-param": "2", "my_param": "3"})
    assert render(text, resolve) == expected


def test_a_value_is_never_rendered_again():
    assert render("$(params.a)", values(a="$(params.b) {{ .params.b }}")) == ("$(params.b) {{ .params.b }}",)


@pytest.mark.parametrize("text", ["$(params.a.b)", "$(params.1a)", "$(outputs.a)", "$(outputs.a.)", "$(outputs..x)"])
def test_what_looks_like_a_reference_and_is_none_is_malformed(text):
    assert [found.kind for found in placeholders(text)] == [PlaceholderKind.MALFORMED]


def test_placeholders_in_a_nested_value_have_their_paths():
    value = {"a": ["x", {"b": "$(params.one)"}], "$(params.two)": 3}
    assert [(path, found.name) for path, found in in_value(value)] == [
        (("a", 1, "b"), "one"),
        (("$(params.two)",), "two"),
    ]


def test_a_nested_value_keeps_its_shape_and_lists_its_holes():
    made = render_value(
        {"n": 1, "flag": None, "list": ["$(params.a)", "$(outputs.x.ip)"], "$(params.a)": True},
        lambda _path, found: values(a="key")(found),
    )
    assert made.value == {"n": 1, "flag": None, "list": ["key", ""], "key": True}
    assert made.holes == ((("list", 1), (OutputHole("a1", "ip"),)),)


def test_a_key_cannot_have_a_hole():
    with pytest.raises(ValueError, match="cannot take an output"):
        render_value({"$(outputs.x.ip)": 1}, lambda _path, found: values()(found))


def test_a_pointer_escapes_as_rfc_6901_says():
    assert pointer(("http", "headers", "a/b~c", 0)) == "/http/headers/a~1b~0c/0"


@given(st.text(st.characters(exclude_characters="${"), max_size=200))
def test_a_text_without_dollar_and_brace_is_left_alone(text):
    assert render(text, values()) == (text,)


@pytest.mark.parametrize(
    ("when", "mode", "expected"),
    [
        ('mode == "install"', "install", True),
        ("mode == install", "upgrade", False),
        ("MODE == install || operation == 'Upgrade'", "upgrade", None),
        ("operation == 'Upgrade'", "upgrade", True),
        ("mode == INSTALL", "install", True),
        ("mode != delete", "delete", False),
        ('mode == install && params.region == "eu west"', "install", True),
        ("!(mode == install || mode == upgrade)", "delete", True),
        ("!mode == install", "delete", True),
        ("params.region != us", "delete", True),
        ("params.missing == x", "delete", False),
        ("params.missing != x", "delete", True),
        ("params.region=='eu west'&&mode==install", "install", True),
    ],
)
def test_a_condition_is_decided(when, mode, expected):
    if expected is None:
        with pytest.raises(ValueError, match="MODE"):
            conditions.parse(when)
        return
    condition = conditions.parse(when)
    assert conditions.evaluate(condition, mode=mode, params={"region": "eu west"}) is expected


@pytest.mark.parametrize(
    "when",
    [
        "mode",
        "mode ==",
        "== install",
        "mode == install ||",
        "mode == nosuch",
        "mode = install",
        "(mode == install",
        "mode == install extra == x",
        "'mode' == install",
        "mode == install)",
        "mode in [a]",
        "params. == x",
        "&&",
        '"',
        "mode == 'install",
        "stage == x",
        "(" * 100 + "mode == install" + ")" * 100,
    ],
)
def test_what_is_no_condition_is_refused_with_the_form(when):
    with pytest.raises(ValueError, match="when"):
        conditions.parse(when)


def test_conditions_bind_and_before_or():
    condition = conditions.parse("mode == install || mode == upgrade && params.x == 1")
    assert conditions.evaluate(condition, mode="install", params={})
    assert not conditions.evaluate(condition, mode="upgrade", params={})


def test_the_reason_of_a_condition_over_modes_names_them():
    text = "mode == install || mode == 'Upgrade'"
    shown = conditions.explain(conditions.parse(text), text=text, mode="delete")
    assert shown == "when not matched: mode=delete, expected one of [install,upgrade]"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1h30m", 5400),
        ("1m30.25s", 90.25),
        ("250ms", 0.25),
        ("0", 0),
        ("-1s", -1),
        (".5s", 0.5),
    ],
)
def test_durations_are_read_as_go_reads_them(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "5 m", "m", "1d", "1h-5m", "abc", "5mm", "1.2.3s", "-"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@given(st.integers(0, 400_000_000))
def test_a_written_duration_reads_back(milliseconds):
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.25, "250ms"), (90.25, "1m30.25s"), (7201, "2h0m1s"), (59.9996, "1m0s")]
)
def test_durations_are_written_as_go_writes_them(seconds, text):
    assert format_duration(seconds) == text


def test_outputs_are_found_by_path():
    recorded = {"statusCode": 200, "json": {"items": [{"ip": "10.0.0.1"}], "up": True}}
    assert look_up(recorded, "statusCode") == "200"
    assert look_up(recorded, "json.items[0].ip") == "10.0.0.1"
    assert look_up(recorded, "json.items") == '[{"ip":"10.0.0.1"}]'
    assert look_up(recorded, "json.up") == "true"
    with pytest.raises(LookupError, match=r"json\.nosuch"):
        look_up(recorded, "json.nosuch")
    with pytest.raises(LookupError, match="is null"):
        look_up({"json": {"ip": None}}, "json.ip")


def test_without_any_depends_on_listed_order_holds():
    assert order.edges(["a", "b", "c"], [(), (), ()]) == [[], [0], [1]]


def test_one_depends_on_makes_the_whole_a_graph():
    assert order.edges(["a", "b", "c"], [(), (), ("a", " a ")]) == [[], [], [0]]


def test_a_cycle_is_shown_from_its_start_to_its_start():
    assert order.cycle([[2], [0], [1]]) == [0, 2, 1, 0]
    assert order.cycle([[], [1]]) == [1, 1]
    assert order.cycle([[], [0], [0, 1]]) is None


def test_what_does_not_run_is_bridged():
    assert order.bridge([[], [0], [1], [2]], [True, False, False, True]) == [[], [0], [0], [0]]


@st.composite
def acyclic(draw):
    size = draw(st.integers(1, 12))
    return [sorted(draw(st.sets(st.integers(0, index - 1), max_size=3))) if index else [] for index in range(size)]


@given(acyclic(), st.data())
def test_bridging_keeps_exactly_the_order_among_the_living(after, data):
    live = data.draw(st.lists(st.booleans(), min_size=len(after), max_size=len(after)))

    def reach(edges):
        found = [set() for _ in edges]
        for index in order.topological(edges):
            for earlier in edges[index]:
                found[index] |= found[earlier] | {earlier}
        return found

    bridged = order.bridge(after, live)
    before, now = reach(after), reach([edges if live[i] else [] for i, edges in enumerate(bridged)])
    alive = {index for index, lives in enumerate(live) if lives}
    for index in alive:
        assert now[index] == before[index] & alive


@given(acyclic())
def test_a_topological_order_breaks_ties_in_listed_order(after):
    found = order.topological(after)
    assert sorted(found) == list(range(len(after)))
    for position, index in enumerate(found):
        ready = [other for other in found[position:] if set(after[other]) <= set(found[:position])]
        assert index == min(ready)
