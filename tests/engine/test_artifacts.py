"""Artifacts are packed whole or not at all; an archive nobody vouches for is unpacked inside or not at all."""

from __future__ import annotations

import gzip
import io
import os
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine.artifacts import ArtifactError, copy_directories, pack_directories, unpack_archive

PACKERS = pytest.mark.parametrize("pack", [pack_directories, copy_directories])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder with a file at its root and one below."""
    folder = tmp_path / "model"
    (folder / "parts").mkdir(parents=True)
    (folder / "model.joblib").write_bytes(b"tree")
    (folder / "parts" / "a.bin").write_bytes(bytes(1000))
    return folder


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below *folder*: a file's bytes, None for a folder."""
    found = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in found}


# Packing


def test_contents_stand_at_the_root_of_the_archive(model: Path, tmp_path: Path) -> None:
    assert pack_directories({"algo-1": model}, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz", "r:gz") as archive:
        assert archive.getnames() == ["model.joblib", "parts", "parts/a.bin"]


def test_without_compression_the_files_stand_as_they_are(model: Path, tmp_path: Path) -> None:
    assert copy_directories({"algo-1": model}, tmp_path / "plain")
    assert tree(tmp_path / "plain") == tree(model)


@PACKERS
def test_nothing_but_the_target_is_left(pack, model: Path, tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()
    pack({"algo-1": model}, tmp_path / "output" / "target")
    assert [path.name for path in (tmp_path / "output").iterdir()] == ["target"]


def test_equal_contents_give_equal_bytes(model: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1" / "model.tar.gz", tmp_path / "2" / "other.tar.gz"
    for target, time in ((first, 1), (second, 1_700_000_000)):
        target.parent.mkdir()
        os.utime(model / "model.joblib", (time, time))
        pack_directories({"algo-1": model}, target)
    assert first.read_bytes() == second.read_bytes()


def test_members_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    names = [f"tree-{number * 37 % 100:02}" for number in range(100)]
    for name in names:
        (tmp_path / "model" / name).touch()
    pack_directories({"algo-1": tmp_path / "model"}, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        assert archive.getnames() == sorted(names)


@PACKERS
def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_before_success(
    pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.joblib").write_bytes(b"tree")
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "bytes")
        fsync(descriptor)

    def noted_replace(old: Path, new: Path) -> None:
        done.append("name")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    pack({"algo-1": tmp_path / "model"}, tmp_path / "target")
    assert done == ["bytes", "name", "folder"]


@PACKERS
def test_what_a_killed_run_left_is_replaced(pack, model: Path, tmp_path: Path) -> None:
    left = tmp_path / "output" / ".target.partial"
    (left / "parts").mkdir(parents=True)
    (left / "junk").write_text("of a killed run")
    pack({"algo-1": model}, tmp_path / "output" / "target")
    assert [path.name for path in (tmp_path / "output").iterdir()] == ["target"]
    assert not (tmp_path / "output" / "target" / "junk").exists()


def test_owners_and_set_user_bits_stay_behind(model: Path, tmp_path: Path) -> None:
    (model / "model.joblib").chmod(0o4750)
    pack_directories({"algo-1": model}, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        member = archive.getmember("model.joblib")
    assert (member.mode, member.uid, member.gid, member.uname) == (0o750, 0, 0, "")


@PACKERS
@pytest.mark.parametrize("make", [lambda folder: folder.mkdir(), lambda folder: None], ids=["empty", "missing"])
def test_without_artifacts_there_is_no_archive(pack, make, tmp_path: Path) -> None:
    make(tmp_path / "model")
    assert not pack({"algo-1": tmp_path / "model"}, tmp_path / "target")
    assert not (tmp_path / "target").exists()


@PACKERS
def test_hosts_are_merged_and_may_share_folders(pack, tmp_path: Path) -> None:
    for host in ("algo-1", "algo-2"):
        (tmp_path / host / "shared").mkdir(parents=True)
        (tmp_path / host / "shared" / host).write_text(host)
    pack({host: tmp_path / host for host in ("algo-1", "algo-2")}, tmp_path / "target")
    if pack is pack_directories:
        unpack_archive(tmp_path / "target", tmp_path / "unpacked")
    merged = tree(tmp_path / ("unpacked" if pack is pack_directories else "target"))
    assert merged == {"shared": None, "shared/algo-1": b"algo-1", "shared/algo-2": b"algo-2"}


@PACKERS
@pytest.mark.parametrize("as_folder", [False, True], ids=["even with equal bytes", "file against folder"])
def test_hosts_that_left_the_same_name_are_refused_by_name(pack, as_folder: bool, tmp_path: Path) -> None:
    for host in ("algo-1", "algo-2"):
        (tmp_path / host).mkdir()
    (tmp_path / "algo-1" / "model.joblib").write_text("same")
    other = tmp_path / "algo-2" / "model.joblib"
    other.mkdir() if as_folder else other.write_text("same")
    with pytest.raises(ArtifactError, match=r"algo-1 and algo-2 both left 'model\.joblib'"):
        pack({host: tmp_path / host for host in ("algo-1", "algo-2")}, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, pytest.MonkeyPatch.context() as patch:
        patch.chdir(path.parent)  # a socket's address is short, a test's path is not
        server.bind(path.name)


@PACKERS
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda path: path.symlink_to("/etc/passwd"), "symbolic link to '/etc/passwd'"),
        (lambda path: path.symlink_to("../model.joblib"), "symbolic link to '../model.joblib'"),
        (lambda path: path.symlink_to("nowhere"), "symbolic link to 'nowhere'"),
        (os.mkfifo, "a FIFO"),
        (make_socket, "a socket"),
    ],
    ids=["link outside", "link inside", "broken link", "FIFO", "socket"],
)
def test_what_is_neither_file_nor_folder_is_refused_by_name(pack, make, what, model: Path, tmp_path: Path) -> None:
    make(model / "parts" / "odd")
    with pytest.raises(ArtifactError, match=f"'parts/odd' .* is (a )?{what}"):
        pack({"algo-1": model}, tmp_path / "target")
    assert not (tmp_path / "target").exists()


@PACKERS
@pytest.mark.parametrize("destination", ["/opt/ml/output/data/best", "."], ids=["of the host alone", "of this machine"])
def test_a_link_in_the_place_of_a_hosts_folder_is_refused(pack, destination: str, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(destination)
    with pytest.raises(ArtifactError, match=f"linked' is a symbolic link to '{destination}'"):
        pack({"algo-1": tmp_path / "linked"}, tmp_path / "target")


def test_a_hard_link_is_stored_as_the_file_that_it_is(model: Path, tmp_path: Path) -> None:
    (model / "twin").hardlink_to(model / "model.joblib")
    pack_directories({"algo-1": model}, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        assert all(archive.getmember(name).isreg() for name in ("twin", "model.joblib"))


@pytest.mark.slow
def test_a_large_sparse_file_needs_little_memory(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with (tmp_path / "model" / "weights").open("wb") as file:
        file.truncate(200 << 20)
    packing = "import resource; resource.setrlimit(resource.RLIMIT_DATA, (100 << 20, 100 << 20))"
    assert run_packing(tmp_path, packing).returncode == 0
    with tarfile.open(tmp_path / "output" / "model.tar.gz") as archive:
        assert archive.getmember("weights").size == 200 << 20


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..")
)
trees = st.dictionaries(st.lists(names, min_size=1, max_size=3).map(tuple), st.binary(max_size=200), max_size=8)


@pytest.mark.slow
@given(trees)
def test_unpacking_gives_back_what_was_packed(files: dict[tuple[str, ...], bytes]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        model = root / "model"
        model.mkdir()
        for parts, content in files.items():
            path = model.joinpath(*parts)
            if not path.is_dir() and not any(parent.is_file() for parent in path.parents):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        if pack_directories({"algo-1": model}, root / "model.tar.gz"):
            unpack_archive(root / "model.tar.gz", root / "unpacked")
            assert tree(root / "unpacked") == tree(model)
        else:
            assert not files


# When packing goes wrong


def run_packing(folder: Path, before: str) -> subprocess.CompletedProcess[str]:
    """Pack ``model`` into ``output`` in a process of its own, in which *before* is executed first."""
    (folder / "output").mkdir(exist_ok=True)
    code = f"""
import os, signal, sys, tarfile
from pathlib import Path
from harness.engine.artifacts import ArtifactError, pack_directories
import gzip, shutil
{before}
try:
    pack_directories({{"algo-1": Path("model")}}, Path("output/model.tar.gz"))
except ArtifactError as error:
    sys.exit(str(error))
"""
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def test_a_full_disk_leaves_no_archive_and_a_clear_error(model: Path, tmp_path: Path) -> None:
    (model / "weights").write_bytes(os.urandom(1 << 20))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    result = run_packing(tmp_path, limit)
    assert result.returncode == 1
    assert "model.tar.gz' could not be written: File too large. Make room" in result.stderr
    assert list((tmp_path / "output").iterdir()) == []


@pytest.mark.parametrize(
    "edge",
    ["os.fsync", "os.replace", "tarfile.TarFile.addfile", "tarfile.TarFile.close", "gzip.GzipFile.close"],
)
def test_killed_at_any_point_there_is_no_archive_and_the_next_run_makes_it(
    edge: str, model: Path, tmp_path: Path
) -> None:
    owner, _, name = edge.rpartition(".")
    kill = f"setattr({owner}, '{name}', lambda *_: os.kill(os.getpid(), signal.SIGKILL))"
    assert run_packing(tmp_path, kill).returncode == -signal.SIGKILL
    assert not (tmp_path / "output" / "model.tar.gz").exists()

    assert run_packing(tmp_path, "").returncode == 0
    assert [path.name for path in (tmp_path / "output").iterdir()] == ["model.tar.gz"]


def test_an_interrupt_leaves_nothing(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tarfile.TarFile, "addfile", interrupt)
    (tmp_path / "output").mkdir()
    with pytest.raises(KeyboardInterrupt):
        pack_directories({"algo-1": model}, tmp_path / "output" / "model.tar.gz")
    assert list((tmp_path / "output").iterdir()) == []


def test_a_failed_packing_leaves_the_archive_that_was_there(model: Path, tmp_path: Path) -> None:
    target = tmp_path / "model.tar.gz"
    pack_directories({"algo-1": model}, target)
    before = target.read_bytes()
    (model / "link").symlink_to("model.joblib")
    with pytest.raises(ArtifactError):
        pack_directories({"algo-1": model}, target)
    assert target.read_bytes() == before


# Unpacking


def member(name: str, type_: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b"") -> tuple:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = type_, link, len(content), 0o644
    return info, content


def make_archive(path: Path, *members: tuple) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


LONG_CHAIN = [
    # The shape of CVE-2025-4517: links so deep that resolving them gives up, then a step out.
    entry
    for depth in range(16)
    for entry in (
        member("/".join(["d" * 247] * 1 + [str(i) for i in range(depth)]), tarfile.DIRTYPE),
        member(f"link{depth}", tarfile.SYMTYPE, "d" * 247),
    )
] + [member("out", tarfile.SYMTYPE, "link15/../../../outside"), member("out/evil", content=b"x")]


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ([member("/evil", content=b"x")], "/evil"),
        ([member("../evil", content=b"x")], "../evil"),
        ([member("a/../../evil", content=b"x")], "a/../../evil"),
        ([member("a/../evil", content=b"x")], "a/../evil"),
        ([member("..", tarfile.DIRTYPE)], ".."),
        ([member("link", tarfile.SYMTYPE, "/etc")], "link"),
        ([member("link", tarfile.SYMTYPE, "..")], "link"),
        ([member("a/link", tarfile.SYMTYPE, "../../outside")], "a/link"),
        ([member("a/link", tarfile.SYMTYPE, "b/../../..")], "a/link"),
        ([member("a/b/x", tarfile.SYMTYPE, "../.."), member("a/b/y", tarfile.SYMTYPE, "x/../..")], "a/b/y"),
        ([member("link", tarfile.SYMTYPE, "."), member("link/evil", content=b"x")], "link/evil"),
        ([member("link", tarfile.SYMTYPE, "a"), member("link", content=b"x")], "link"),
        ([member("link", tarfile.LNKTYPE, "/etc/passwd")], "link"),
        ([member("link", tarfile.LNKTYPE, "../outside/file")], "link"),
        ([member("s", tarfile.SYMTYPE, "x"), member("link", tarfile.LNKTYPE, "s")], "link"),
        ([member("fifo", tarfile.FIFOTYPE)], "fifo"),
        ([member("null", tarfile.CHRTYPE)], "null"),
        ([member("disk", tarfile.BLKTYPE)], "disk"),
        (LONG_CHAIN, "out"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
@pytest.mark.parametrize("deceived", [False, True], ids=["", "with a data filter that lets all through"])
def test_a_hostile_archive_is_refused_by_member_and_writes_nothing(
    members, named: str, deceived: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if deceived:
        monkeypatch.setattr(tarfile, "data_filter", lambda member, _: member)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("mine")
    archive = make_archive(tmp_path / "model.tar.gz", member("good", content=b"good"), *members)
    before = tree(tmp_path)
    with pytest.raises(ArtifactError) as caught:
        unpack_archive(archive, tmp_path / "unpacked")
    assert f"member '{named}'" in caught.value.message
    assert tree(tmp_path) == before


def test_a_usual_archive_made_with_tar_is_unpacked(tmp_path: Path) -> None:
    archive = make_archive(
        tmp_path / "model.tar.gz",
        member("./", tarfile.DIRTYPE),
        member("./model.joblib", content=b"tree"),
        member("./code/inference.py", content=b"code"),
        member("./latest", tarfile.SYMTYPE, "model.joblib"),
        member("./code/model", tarfile.SYMTYPE, "../model.joblib"),
        member("./twin", tarfile.LNKTYPE, "./model.joblib"),
    )
    unpack_archive(archive, tmp_path / "unpacked")
    for name in ("model.joblib", "latest", "code/model", "twin"):
        assert (tmp_path / "unpacked" / name).read_bytes() == b"tree"


def test_set_user_bits_and_write_access_for_others_are_not_unpacked(tmp_path: Path) -> None:
    info, content = member("tool", content=b"#!/bin/sh")
    info.mode = 0o6777
    unpack_archive(make_archive(tmp_path / "a.tar.gz", (info, content)), tmp_path / "unpacked")
    assert stat.S_IMODE((tmp_path / "unpacked" / "tool").stat().st_mode) == 0o755


def test_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "a.tar.gz", member("one", content=bytes(600)), member("two", content=bytes(600)))
    unpack_archive(archive, tmp_path / "enough", max_size=1200)
    with pytest.raises(ArtifactError, match="'two' makes it larger than 1,199 bytes"):
        unpack_archive(archive, tmp_path / "unpacked", max_size=1199)
    assert not (tmp_path / "unpacked").exists()


def broken_checksum(whole: bytes) -> bytes:
    return whole[:-8] + bytes(byte ^ 255 for byte in whole[-8:-4]) + whole[-4:]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: b"",
        lambda whole: b"not an archive",
        gzip.decompress,
        broken_checksum,
        lambda whole: whole + b"?",
    ],
    ids=["empty", "garbage", "not compressed", "checksum", "garbage behind"],
)
def test_what_is_not_a_gzip_compressed_tar_is_refused(spoil, model: Path, tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    pack_directories({"algo-1": model}, archive)
    archive.write_bytes(spoil(archive.read_bytes()))
    with pytest.raises(ArtifactError, match=r"model\.tar\.gz' is not a whole gzip-compressed tar archive"):
        unpack_archive(archive, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


@pytest.mark.parametrize("header", [{"path": "a\0b"}, {"path": "d/" * 5000 + "x"}, {"mtime": "1e400"}])
def test_what_no_file_system_has_is_refused(header: dict[str, str], tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.pax_headers = header
    archive = make_archive(tmp_path / "odd.tar.gz", (info, b""))
    with pytest.raises(ArtifactError, match="odd"):
        unpack_archive(archive, tmp_path / "unpacked")
    assert [path.name for path in tmp_path.iterdir()] == ["odd.tar.gz"]


@given(st.data())
def test_an_archive_cut_short_anywhere_is_refused(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        archive = make_archive(Path(temporary, "a.tar.gz"), member("one", content=b"1" * 600), member("two"))
        whole = archive.read_bytes()
        archive.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        with pytest.raises(ArtifactError, match="not a whole"):
            unpack_archive(archive, Path(temporary, "unpacked"))
        assert [path.name for path in Path(temporary).iterdir()] == ["a.tar.gz"]


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"nowhere\.tar\.gz' cannot be read: No such file"):
        unpack_archive(tmp_path / "nowhere.tar.gz", tmp_path / "unpacked")


def test_a_folder_that_holds_something_is_left_alone(model: Path, tmp_path: Path) -> None:
    pack_directories({"algo-1": model}, tmp_path / "model.tar.gz")
    before = tree(model)
    with pytest.raises(ArtifactError, match="is not an empty folder"):
        unpack_archive(tmp_path / "model.tar.gz", model)
    assert tree(model) == before


def test_an_empty_folder_may_be_unpacked_to(model: Path, tmp_path: Path) -> None:
    pack_directories({"algo-1": model}, tmp_path / "model.tar.gz")
    (tmp_path / "unpacked").mkdir()
    unpack_archive(tmp_path / "model.tar.gz", tmp_path / "unpacked")
    assert tree(tmp_path / "unpacked") == tree(model)
