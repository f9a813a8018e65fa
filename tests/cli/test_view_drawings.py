"""Graphs as Mermaid and DOT: read back, they are the graph."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.tree import Decided
from compiler.model.phases import ActionType, DependsOnPolicy, OperationType, Phase, PlanFailurePolicy, Reason
from drplan.view import dot, mermaid
from support.graphs import SKIPPED, action, graph, stage, use

NAMES = st.text(min_size=1, max_size=20)


@st.composite
def graphs(draw):
    """Draw a graph of any shape with any names."""

    def some_action(earlier):
        return action(
            draw(NAMES),
            after=draw(st.none() | st.lists(st.sampled_from(earlier), unique=True)) if earlier else None,
            needs=draw(st.sampled_from(DependsOnPolicy)),
            decided=draw(st.none() | st.builds(Decided, st.just(Phase.SKIPPED), st.sampled_from(Reason), NAMES)),
        )

    def some_use():
        return use(
            *(some_action([f"a{each}" for each in range(1, index)]) for index in range(1, draw(st.integers(1, 5)))),
            name=draw(NAMES),
        )

    def some_stage():
        return stage(
            *(some_use() for _ in range(draw(st.integers(0, 3)))), name=draw(NAMES), parallel=draw(st.booleans())
        )

    policy = draw(st.sampled_from(PlanFailurePolicy))
    return graph(*(some_stage() for _ in range(draw(st.integers(0, 3)))), policy=policy)


def edges_of(drawn):
    """Edges of a graph: what comes first, what waits for it."""
    found = [(before, each.key) for each in drawn.stages for before in each.after]
    found += [(before, each.key) for _, each in drawn.workflows() for before in each.after]
    return sorted(found + [(before, each.key) for each in drawn.actions() for before in each.after])


def keys_of(drawn):
    stages = [each.key for each in drawn.stages]
    return stages + [each.key for _, each in drawn.workflows()] + [each.key for each in drawn.actions()]


MERMAID_EDGE = re.compile(r' *(\w+) -->(?:\|"(success|end)"\|)? (\w+)')
MERMAID_BOX = re.compile(r' *(?:subgraph )?(s\w+)\["([^"]*)"\](?::::\w+)?')


def mermaid_label(text):
    """A label as Mermaid shows it."""
    return re.sub(r"#(\d+);", lambda match: chr(int(match[1])), text.replace("<br/>", "\n"))


@given(graphs())
def test_a_flowchart_has_the_edges_of_the_graph_and_each_member_once(drawn):
    lines = mermaid.draw(drawn).splitlines()
    edges = [match.groups() for line in lines if (match := MERMAID_EDGE.fullmatch(line))]
    assert sorted((before.replace("_", "."), after.replace("_", ".")) for before, _, after in edges) == edges_of(drawn)
    boxes = [match[1].replace("_", ".") for line in lines if (match := MERMAID_BOX.fullmatch(line))]
    assert sorted(boxes) == sorted(keys_of(drawn))


@given(graphs())
def test_no_name_can_leave_its_label_in_a_flowchart(drawn):
    known = re.compile(
        r"flowchart TB|  %% [^{}]*| *end|  classDef [\w -:,]*|" + MERMAID_EDGE.pattern + "|" + MERMAID_BOX.pattern
    )
    for line in mermaid.draw(drawn).splitlines():
        assert known.fullmatch(line)


DOT_STRING = r'"((?:[^"\\]|\\.)*)"'
DOT_EDGE = re.compile(rf" *{DOT_STRING} -> {DOT_STRING}(?: \[(.*)\])?;")
DOT_NODE = re.compile(rf" *{DOT_STRING} \[(?:label={DOT_STRING}(.*)|style=invis, shape=point)\];")
DOT_CLUSTER = re.compile(rf" *subgraph {DOT_STRING} \{{")


def dot_label(text):
    """A label as Graphviz shows it."""
    return html.unescape(re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), text))


def dot_edge(match):
    attributes = dict(re.findall(rf"(\w+)={DOT_STRING}", match[3] or ""))
    ends = (attributes.get("ltail"), attributes.get("lhead"))
    if any(ends):
        return tuple(end.removeprefix("cluster_") for end in ends)
    return match[1], match[2]


@given(graphs())
def test_a_digraph_has_the_edges_of_the_graph_and_each_member_once(drawn):
    lines = dot.draw(drawn).splitlines()
    assert sorted(dot_edge(match) for line in lines if (match := DOT_EDGE.fullmatch(line))) == edges_of(drawn)
    clusters = [match[1].removeprefix("cluster_") for line in lines if (match := DOT_CLUSTER.fullmatch(line))]
    nodes = [match[1] for line in lines if (match := DOT_NODE.fullmatch(line)) and match[2] is not None]
    assert sorted(clusters + nodes) == sorted(keys_of(drawn))


@given(graphs())
def test_an_edge_between_clusters_ends_at_nodes_inside_them(drawn):
    for line in dot.draw(drawn).splitlines():
        match = DOT_EDGE.fullmatch(line)
        if match and "ltail" in (match[3] or ""):
            before, after = dot_edge(match)
            assert (match[1] + ".").startswith(before + ".")
            assert (match[2] + ".").startswith(after + ".")


@given(graphs())
def test_no_name_can_leave_its_label_in_a_digraph(drawn):
    known = re.compile(
        rf"digraph plan \{{|  label={DOT_STRING};|  compound=true;|  node \[shape=box\];| *\}}| *label={DOT_STRING};|"
        + "|".join(each.pattern for each in (DOT_EDGE, DOT_NODE, DOT_CLUSTER))
    )
    for line in dot.draw(drawn).splitlines():
        assert known.fullmatch(line)


ODD = 'a "quoted" <b> #35; %%{init} `x` \\n & 名前 | end'


@pytest.mark.parametrize(
    ("draw", "pattern", "label"),
    [(mermaid.draw, MERMAID_BOX, mermaid_label), (dot.draw, DOT_NODE, dot_label)],
    ids=["mermaid", "dot"],
)
def test_a_name_reads_in_the_drawing_as_it_was_written(draw, pattern, label):
    drawn = draw(graph(stage(use(action(ODD)))))
    labels = [label(match[2]) for line in drawn.splitlines() if (match := pattern.fullmatch(line))]
    assert f"s1.w1.a1 {ODD}\nHTTP GET" in labels


LEFT_OUT = Decided(Phase.SKIPPED, Reason.CONDITION_NOT_MET, 'not "install"')


def example():
    first = use("check", action("promote", operation="POST"), action("verify", decided=LEFT_OUT), name="mysql")
    return graph(
        stage(first, use("move", name="web"), name="db"),
        stage(use("tell"), name="people", parallel=True),
        mode="upgrade",
    )


def test_a_flowchart_says_what_waits_for_what_and_what_will_not_run():
    assert mermaid.draw(example()) == (
        """\
flowchart TB
  %% Execute of plan pay, mode upgrade
  subgraph s1["s1 db"]
    subgraph s1_w1["s1.w1 mysql"]
      s1_w1_a1["s1.w1.a1 check<br/>HTTP GET"]
      s1_w1_a2["s1.w1.a2 promote<br/>HTTP POST"]
      s1_w1_a3["s1.w1.a3 verify<br/>HTTP GET<br/>Skipped#58; not #34;install#34;"]:::decided
    end
    subgraph s1_w2["s1.w2 web"]
      s1_w2_a1["s1.w2.a1 move<br/>HTTP GET"]
    end
  end
  subgraph s2["s2 people #40;parallel#41;"]
    subgraph s2_w1["s2.w1 mysql"]
      s2_w1_a1["s2.w1.a1 tell<br/>HTTP GET"]
    end
  end
  s1 -->|"success"| s2
  s1_w1 -->|"success"| s1_w2
  s1_w1_a1 --> s1_w1_a2
  classDef decided stroke-dasharray:4
  classDef impossible stroke-dasharray:4,stroke:red
"""
    )


def test_stage_edges_say_what_they_need():
    stages = [stage(use("a"), name="one"), stage(use("b"), name="two")]
    assert 's1 -->|"end"| s2' in mermaid.draw(graph(*stages, policy=PlanFailurePolicy.CONTINUE))
    assert 'label="end", ltail="cluster_s1"' in dot.draw(graph(*stages, policy=PlanFailurePolicy.CONTINUE))
    assert 's1 -->|"success"| s2' in mermaid.draw(graph(*stages, policy=PlanFailurePolicy.STOP))


def test_what_cannot_be_undone_is_told_apart_from_what_is_left_out():
    impossible = Decided(Phase.FAILED, Reason.NOT_UNDOABLE, "what existed before was not recorded")
    undoable = action("x", type=ActionType.LOCALIZATION, operation="Apply", decided=impossible)
    drawn = graph(stage(use(undoable, action("y", decided=SKIPPED))), operation=OperationType.REVERT)
    assert "not recorded" in mermaid.draw(drawn)
    assert [line.rpartition(":::")[2] for line in mermaid.draw(drawn).splitlines() if ":::" in line] == [
        "impossible",
        "decided",
    ]
    dashed = [line for line in dot.draw(drawn).splitlines() if "dashed" in line]
    assert ["color=red" in line for line in dashed] == [True, False]


@pytest.mark.parametrize("draw", [mermaid.draw, dot.draw])
def test_the_same_graph_is_drawn_the_same(draw):
    assert draw(example()) == draw(example())
