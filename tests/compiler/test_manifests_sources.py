"""Files, folders and standard input; encodings; whatever cannot be read is a problem."""

from __future__ import annotations

import io
import os
import socket
import sys
from pathlib import Path

import pytest

from compiler.manifests import load, parse
from compiler.manifests import sources as sources_module

GOOD = "apiVersion: v1\nkind: Thing\nmetadata: {name: 灾备}\n"


def write(path: Path, name: str = "a") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"apiVersion: v1\nkind: Thing\nmetadata: {{name: {name}}}\n")
    return path


def names(*paths: str | Path) -> list[str]:
    manifests = load(paths)
    assert manifests.problems == []
    return [document.ref.name for document in manifests.documents]


def only_problem(*paths: str | Path) -> str:
    manifests = load(paths)
    assert manifests.documents == []
    (problem,) = manifests.problems
    return str(problem)


def test_a_folder_is_searched_at_any_depth_in_sorted_order(tmp_path: Path) -> None:
    for name in ("b/deep/er.yml", "a.json", "c.yaml", "b/a.yaml"):
        write(tmp_path / name, name.replace("/", "-"))
    write(tmp_path / "readme.txt", "never")

    assert names(tmp_path) == ["a.json", "c.yaml", "b-a.yaml", "b-deep-er.yml"]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "seen")
    write(tmp_path / ".a.yaml", "hidden")
    write(tmp_path / ".drplan" / "default" / "plans" / "a.json", "state")

    assert names(tmp_path) == ["seen"]


def test_a_file_that_is_named_is_read_whatever_its_suffix(tmp_path: Path) -> None:
    assert names(write(tmp_path / "manifest.txt")) == ["a"]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml")
    (tmp_path / "link.yaml").symlink_to(path)

    assert names(tmp_path, path, str(path)) == ["a"]


def test_a_loop_of_folders_ends(tmp_path: Path) -> None:
    write(tmp_path / "a" / "a.yaml")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)

    assert names(tmp_path) == ["a"]


def test_standard_input_is_read_with_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode() + b"---\na: [")))

    manifests = load(["-"])

    assert [document.ref.name for document in manifests.documents] == ["灾备"]
    assert [str(problem)[:6] for problem in manifests.problems] == ["-:5:5:"]


def test_a_pipe_that_is_named_is_read(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, GOOD.encode())
    os.close(writing)

    assert names(f"/dev/fd/{reading}") == ["灾备"]
    os.close(reading)


def test_a_missing_file_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"

    assert only_problem(path) == f"{path}:1:1: cannot read: no such file or directory"


def test_a_folder_without_manifests_is_a_problem(tmp_path: Path) -> None:
    assert only_problem(tmp_path) == f"{tmp_path}:1:1: cannot read: the folder has no *.yaml, *.yml, *.json file"


def test_a_folder_named_like_a_file_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "plan.yaml" / "a.yaml", "inside")

    assert names(tmp_path / "plan.yaml") == ["inside"]
    assert names(tmp_path) == ["inside"]


def test_a_socket_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("a.yaml")

        assert only_problem("a.yaml") == "a.yaml:1:1: cannot read: it is a socket, not a file"
        assert only_problem(tmp_path).endswith("cannot read: it is a socket, not a file")


def test_a_device_is_a_problem() -> None:
    assert only_problem("/dev/zero") == "/dev/zero:1:1: cannot read: it is a device, not a file"


def test_a_pipe_in_a_folder_is_a_problem_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")

    assert only_problem(tmp_path).endswith("a.yaml:1:1: cannot read: it is a pipe, not a file")


def test_a_dangling_link_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("nowhere")

    assert only_problem(tmp_path).endswith("a.yaml:1:1: cannot read: no such file or directory")


def test_a_link_to_itself_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("a.yaml")

    assert "cannot read: " in only_problem(tmp_path / "a.yaml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_a_problem(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml")
    path.chmod(0)

    assert only_problem(path) == f"{path}:1:1: cannot read: permission denied"


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000])
def test_a_path_that_cannot_be_is_a_problem(path: str) -> None:
    assert ":1:1: cannot read: " in only_problem(path)


def test_a_file_beyond_the_limit_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources_module, "MAX_BYTES", 10)

    assert "cannot read: it is larger than" in only_problem(write(tmp_path / "a.yaml"))


def test_one_unreadable_file_does_not_hide_the_others(tmp_path: Path) -> None:
    manifests = load([tmp_path / "missing", write(tmp_path / "a.yaml")])

    assert len(manifests.documents) == 1
    assert len(manifests.problems) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_encodings_are_understood(encoding: str) -> None:
    marks = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}

    manifests = parse(marks.get(encoding, b"") + GOOD.encode(encoding), file="a.yaml")

    assert manifests.problems == []
    assert manifests.documents[0].ref.name == "灾备"
    assert manifests.documents[0].position(("kind",)) == (2, 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"kind: a\nname: \xff\n", "2:7: not UTF-8 text: byte 0xff cannot be here"),
        ("灾: ".encode() + b"\xe7\x81", "1:4: not UTF-8 text: byte 0xe7 cannot be here"),
        (b"\xff\xfe\x00", "1:1: not UTF-16-LE text: byte 0x00 cannot be here"),
        (
            GOOD.encode("utf-16-le"),
            "1:2: the character U+0000 may not be in a manifest; "
            "is it UTF-16 without a byte order mark, or no text at all?",
        ),
        (b"a: 1\nb: \x07\n", "2:4: the character U+0007 may not be in a manifest; remove or escape it"),
        (
            "a: \x85\n".encode() + b"b: \x1b[31m",
            "2:4: the character U+001B may not be in a manifest; remove or escape it",
        ),
        (b"\x7fELF\x02\x01\x01\x00\x00", "1:1: the character U+007F may not be in a manifest; remove or escape it"),
    ],
)
def test_bytes_that_are_no_text_are_a_problem_at_their_place(content: bytes, expected: str) -> None:
    manifests = parse(content, file="a.yaml")

    assert [str(problem) for problem in manifests.problems] == [f"a.yaml:{expected}"]
    assert manifests.documents == []


def test_text_with_half_a_surrogate_pair_is_a_problem() -> None:
    assert [problem.is_error for problem in parse("a: \ud800", file="a.yaml").problems] == [True]
