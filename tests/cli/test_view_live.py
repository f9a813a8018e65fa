"""Following an execution on a terminal and elsewhere."""

from __future__ import annotations

import copy
from io import BytesIO, StringIO, TextIOWrapper

import pytest

from compiler.model.phases import Phase
from drplan.view.findings import Hint
from drplan.view.live import LiveTree, PlainLines, follower
from drplan.view.outline import read
from drplan.view.symbols import ASCII, Span, Style
from drplan.view.terminal import Screen
from support.executions import action, execution, failed_switchover, stage, use
from support.local import wait_until
from support.screens import CONTROL, Terminal, stream, written

TERM = {"TERM": "xterm-256color"}


def hints(outline):
    return [Hint(f"drplan retry {outline.name}", "again")]


def running():
    made = failed_switchover()
    made["status"] |= {"phase": "Running", "progress": "5/11", "message": ""}
    return made


def follow(screen, *states, **options):
    with follower(screen, hints=hints) as view:
        for state in states:
            view.update(state, **options)


def test_a_terminal_keeps_the_final_tree_and_what_to_do_next():
    with Terminal(columns=120) as terminal:
        follow(Screen.of(terminal.file, TERM), running(), failed_switchover())
        terminal.close()
        last = max(index for index, line in enumerate(terminal.lines) if "shop-execute-1  Failed" in line)
    shown = terminal.lines[last:]
    assert shown[0].endswith("✗ shop-execute-1  Failed  6 succeeded, 1 failed, 4 skipped  12.3s")
    assert any("s3.w1.a2 smoke-test" in line and "Failed" in line and "503" in line for line in shown)
    assert "  drplan retry shop-execute-1  # again" in shown
    assert all(any(node.key in line for line in shown) for node in read(failed_switchover()).walk())


def test_a_tree_that_does_not_fit_is_folded_while_it_runs_and_whole_at_the_end():
    with Terminal(columns=120, rows=12) as terminal:
        with follower(Screen.of(terminal.file, TERM)) as view:
            view.update(running())
            wait_until(lambda: any("prepare (parallel, 3 actions)" in line for line in terminal.lines))
            drawn = len(terminal.lines)
            view.update(failed_switchover())
        terminal.close()
    assert not any("s1.w2.a1 is-up" in line for line in terminal.lines[:drawn])
    assert any("s1.w2.a1 is-up" in line for line in terminal.lines[drawn:])


def test_a_huge_tree_stays_folded_at_the_end_and_says_so():
    stages = [stage(f"tier-{first}", use("w", *(action(f"x{each}") for each in range(10)))) for first in range(60)]
    with Terminal() as terminal:
        follow(Screen.of(terminal.file, TERM), execution(*stages))
        terminal.close()
    assert len(terminal.lines) < 300
    assert "… folded; `drplan get` shows all of it" in terminal.lines


def test_nothing_is_drawn_when_there_was_nothing_to_show():
    with Terminal() as terminal:
        follow(Screen.of(terminal.file, TERM))
        terminal.close()
    assert terminal.raw == ""
    screen = stream()
    follow(screen)
    assert written(screen) == ""


def test_a_terminal_shows_colour_and_no_color_switches_it_off():
    def codes(environment):
        with Terminal(columns=120) as terminal:
            follow(Screen.of(terminal.file, TERM | environment), failed_switchover())
            terminal.close()
        return {code for code in CONTROL.findall(terminal.raw) if code.endswith("m")}

    assert any("31" in code for code in codes({}))
    assert not any("3" in code for code in codes({"NO_COLOR": "1"}))


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": "xterm", "CI": "true"}])
def test_a_terminal_that_cannot_or_should_not_redraw_gets_plain_lines(environment):
    with Terminal(columns=120) as terminal:
        follow(Screen.of(terminal.file, environment), running(), failed_switchover())
        terminal.close()
    moves = [code for code in CONTROL.findall(terminal.raw) if not code.endswith("m")]
    assert moves == []
    assert sum("s3.w1.a2 smoke-test" in line for line in terminal.lines) == 2  # the change, and the finding


def test_a_dumb_terminal_gets_no_control_sequence_at_all():
    with Terminal(columns=120) as terminal:
        follow(Screen.of(terminal.file, {"TERM": "dumb"}), failed_switchover())
        terminal.close()
    assert "\x1b" not in terminal.raw


def test_a_pipe_gets_one_line_a_change_and_the_findings():
    screen = stream()
    follow(screen, running(), copy.deepcopy(running()), failed_switchover())
    lines = written(screen).splitlines()
    assert "\x1b" not in written(screen)
    assert sum("s3.w1.a2 smoke-test" in line and "Failed" in line for line in lines) == 1
    assert lines[-1] == "  drplan retry shop-execute-1  # again"
    assert "  ✗ s3.w1.a2 smoke-test  unexpected status code: 503" in lines


def test_a_pipe_gets_no_findings_of_what_goes_on():
    screen = stream()
    follow(screen, running())
    assert "Next:" not in written(screen)


def test_a_remark_is_written_when_it_is_new():
    screen = stream()
    follow(screen, running(), running(), remark="no engine runs this")
    assert written(screen).count("no engine runs this") == 1


def test_a_remark_stands_in_the_header_of_a_live_tree():
    with Terminal(columns=120) as terminal:
        follow(Screen.of(terminal.file, TERM), running(), remark="no engine runs this")
        terminal.close()
    assert "  no engine runs this" in terminal.lines


def test_an_error_of_the_caller_passes_through_and_leaves_the_last_state_on_the_terminal():
    with Terminal(columns=120) as terminal:
        with pytest.raises(KeyError):
            fail_while_following(Screen.of(terminal.file, TERM))
        terminal.close()
    assert any("shop-execute-1  Running" in line for line in terminal.lines)
    assert terminal.raw.count("\x1b[?25h") == 1


def fail_while_following(screen):
    with follower(screen) as view:
        view.update(running())
        raise KeyError("from the caller")


def test_which_follower_is_used_depends_on_where_it_writes_to():
    with Terminal() as terminal:
        assert isinstance(follower(Screen.of(terminal.file, TERM)), LiveTree)
        assert isinstance(follower(Screen.of(terminal.file, {"CI": "1"})), PlainLines)
        assert isinstance(follower(Screen.of(terminal.file, {"CI": "false"})), LiveTree)
    assert isinstance(follower(stream()), PlainLines)


def test_the_width_is_that_of_the_terminal_or_the_one_that_is_given():
    with Terminal(columns=77, rows=33) as terminal:
        screen = Screen.of(terminal.file, TERM)
        assert (screen.width, screen.height) == (77, 33)
        assert Screen.of(terminal.file, TERM | {"COLUMNS": "55"}).width == 55
    assert Screen.of(StringIO(), {"COLUMNS": "55"}).width is None


def test_a_stream_that_knows_only_ascii_gets_ascii_and_no_error():
    bytes_written = BytesIO()
    screen = Screen.of(TextIOWrapper(bytes_written, encoding="ascii"), {})
    assert screen.characters is ASCII
    follow(screen, execution(stage("名前", use("w", action("x", Phase.FAILED, "süß"))), phase=Phase.FAILED))
    screen.file.flush()
    assert b"x s1.w1.a1 x  s??" in bytes_written.getvalue()


def test_what_looks_like_markup_is_shown_as_it_is():
    with Terminal() as terminal:
        Screen.of(terminal.file, TERM).write([(Span("[bold]x[/bold] :smile: https://a.example", Style.BAD),)])
        terminal.close()
    assert terminal.lines[0] == "[bold]x[/bold] :smile: https://a.example"
