"""The image: layers whose bytes depend on their content alone, and an archive as OCI wants it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile

from deploy.image.archive import write
from deploy.image.layers import of_folder, pack, rewritten

EPOCH = 1_000_000_000


def folder(root):
    (root / "bin").mkdir(parents=True)
    program = root / "bin" / "tool"
    program.write_text("#!/bin/true\n")
    program.chmod(0o700)
    (root / "lib.py").write_text("x = 1\n")
    (root / "link").symlink_to("lib.py")
    return root


def entries(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {entry.name: entry for entry in archive}


def test_a_folder_gives_the_same_bytes_whenever_and_by_whomever_it_was_written(tmp_path):
    first, second = folder(tmp_path / "a"), folder(tmp_path / "b")
    os.utime(second / "lib.py", (1, 1))
    assert of_folder(first, prefix="opt/x", epoch=EPOCH) == of_folder(second, prefix="opt/x", epoch=EPOCH)


def test_entries_belong_to_root_and_are_readable_by_all(tmp_path):
    found = entries(of_folder(folder(tmp_path / "a"), prefix="opt/x", epoch=EPOCH))
    assert list(found) == ["opt", "opt/x", "opt/x/bin", "opt/x/bin/tool", "opt/x/lib.py", "opt/x/link"]
    assert {(entry.uid, entry.gid, entry.mtime) for entry in found.values()} == {(0, 0, EPOCH)}
    assert found["opt/x/bin/tool"].mode == 0o755
    assert found["opt/x/lib.py"].mode == 0o644
    assert found["opt/x/link"].linkname == "lib.py"


def test_what_is_not_kept_of_another_archive_is_gone_and_the_rest_is_sorted(tmp_path):
    source = tmp_path / "root.tar"
    with tarfile.open(source, "w") as archive:
        for name in ("./usr/b", "./usr/a", "./var/log/x"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    kept = rewritten(source, keep=lambda name: not name.startswith("var/"), epoch=EPOCH)
    assert list(entries(kept)) == ["./usr/a", "./usr/b"]


def test_the_archive_is_an_oci_layout_whose_digests_are_right(tmp_path):
    layers = [pack(of_folder(folder(tmp_path / name), prefix=name, epoch=EPOCH)) for name in ("one", "two")]
    path = tmp_path / "image.tar"
    write(path, layers, name="docker.io/library/x:1", version="1", home="opt/x", epoch=EPOCH)
    with tarfile.open(path) as archive:
        blobs = {entry.name: archive.extractfile(entry).read() for entry in archive}
    assert json.loads(blobs["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    for name, data in blobs.items():
        if name.startswith("blobs/"):
            assert name == "blobs/sha256/" + hashlib.sha256(data).hexdigest()
    (described,) = json.loads(blobs["index.json"])["manifests"]
    manifest = json.loads(blobs["blobs/" + described["digest"].replace(":", "/")])
    config = json.loads(blobs["blobs/" + manifest["config"]["digest"].replace(":", "/")])
    assert config["config"]["User"] == "65532:65532"
    unpacked = [gzip.decompress(blobs["blobs/" + each["digest"].replace(":", "/")]) for each in manifest["layers"]]
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(data).hexdigest() for data in unpacked]
