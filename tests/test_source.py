"""What travels with a job is listed once, and packed or staged from that list."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import stat
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import source
from harness.engine.artifacts import unpack_archive
from harness.errors import ConfigurationError
from harness.parity.report import html
from tests.parity import sample_documents as sample


def write(root: Path, *names: str) -> Path:
    """Files below *root*, each with its own name as content."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def listed(source_dir: Path | None, entry_point: str = "train.py", **options) -> list[str]:
    return [file.name for file in source.manifest(source_dir, entry_point=entry_point, **options).files]


def packed(manifest: source.SourceManifest) -> bytes:
    target = io.BytesIO()
    source.pack(manifest, target)
    return target.getvalue()


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return write(tmp_path / "code", "train.py", "lib/util.py")


# What travels


def test_the_children_of_source_dir_travel_in_order(code: Path) -> None:
    assert listed(code) == ["lib/util.py", "train.py"]


def test_without_source_dir_the_entry_point_travels_alone_under_its_base_name(code: Path) -> None:
    manifest = source.manifest(None, entry_point=str(code / "lib" / "util.py"))
    assert manifest.entry_point == "util.py"
    assert [file.name for file in manifest.files] == ["util.py"]


def test_dependencies_travel_under_their_base_names(code: Path, tmp_path: Path) -> None:
    write(tmp_path / "shared" / "tools", "a.py", "deep/b.py")
    write(tmp_path, "one.py")
    names = listed(code, dependencies=[tmp_path / "shared" / "tools", tmp_path / "one.py"])
    assert names == ["lib/util.py", "one.py", "tools/a.py", "tools/deep/b.py", "train.py"]


def test_sizes_are_the_files_own(code: Path) -> None:
    assert source.manifest(code, entry_point="train.py").size == len("train.py") + len("lib/util.py")


@pytest.mark.parametrize(("mode", "normal"), [(0o600, 0o644), (0o644, 0o644), (0o700, 0o755), (0o777, 0o755)])
def test_modes_keep_only_whether_the_owner_may_execute(code: Path, mode: int, normal: int) -> None:
    (code / "train.py").chmod(mode)
    assert source.manifest(code, entry_point="train.py").files[-1].mode == normal


def test_links_are_followed(code: Path, tmp_path: Path) -> None:
    (code / "linked.py").symlink_to(write(tmp_path, "elsewhere.py") / "elsewhere.py")
    (code / "folder").symlink_to(write(tmp_path / "other", "x.py"))
    assert listed(code) == ["folder/x.py", "lib/util.py", "linked.py", "train.py"]


def test_a_folder_linked_twice_travels_twice(code: Path, tmp_path: Path) -> None:
    write(tmp_path / "other", "x.py")
    for name in ("a", "b"):
        (code / name).symlink_to(tmp_path / "other")
    assert listed(code) == ["a/x.py", "b/x.py", "lib/util.py", "train.py"]


def test_a_loop_of_links_is_refused_by_name(code: Path) -> None:
    (code / "lib" / "again").symlink_to(code)
    with pytest.raises(ConfigurationError, match=r"lib/again' is a symbolic link to a folder that it lies in"):
        source.manifest(code, entry_point="train.py")


def test_caches_environments_and_repositories_are_left_out(code: Path) -> None:
    write(code, "__pycache__/train.pyc", "lib/__pycache__/util.pyc", ".venv/bin/python", ".git/config")
    # A broken repository would be an error; this one is only a folder of that name below the source.
    (code / ".git").rename(code / "lib" / ".git")
    assert listed(code) == ["lib/util.py", "train.py"]


def test_what_the_harness_has_put_there_is_left_out(code: Path) -> None:
    write(code, ".harness/cache/model.json", "runs/_active/.lock", "runs/j/describe.json", "runs/j/request.json")
    write(code, "on-aws/k/describe.json", "on-aws/k/request.json", "mine/request.json", "alike/_active")
    assert listed(code) == ["alike/_active", "lib/util.py", "mine/request.json", "train.py"]


def test_what_a_stand_in_keeps_is_left_out_and_no_folder_with_more_in_it(code: Path) -> None:
    kept = [f"{name}/{file}" for name in ("st", "mine") for file in (".lock", "runs/.gitignore", "runs/j/log.txt")]
    alike = ["alike/.lock", "alike/runs/a.py"]
    write(code, *kept, "st/s3.zip", "mine/b.py", *alike)
    assert listed(code) == sorted([*kept[3:], "mine/b.py", *alike, "lib/util.py", "train.py"])


def test_passports_and_reports_are_left_out_whatever_they_are_called(code: Path) -> None:
    report = sample.clean()
    (code / "passport").write_text(json.dumps({"Schema": 2, "Verdict": "agrees"}, indent=2))
    (code / "lib" / "report.json").write_text(json.dumps(report, indent=2))
    (code / "index.html").write_text(html.render(report))
    write(code, "mine.json", "mine.html")
    assert listed(code) == ["lib/util.py", "mine.html", "mine.json", "train.py"]


def test_the_file_that_stdout_goes_to_is_left_out(code: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(code, "report.json")
    with capfd.disabled():
        stdout = os.dup(1)
        with (code / "report.json").open("w") as file:
            os.dup2(file.fileno(), 1)
        try:
            assert listed(code) == ["lib/util.py", "train.py"]
        finally:
            os.dup2(stdout, 1)
            os.close(stdout)


def test_any_virtual_environment_is_left_out(code: Path) -> None:
    write(
        code, ".venv-1.9-0/pyvenv.cfg", ".venv-1.9-0/lib/cert.pem", "lib/env/conda-meta/history", "lib/env/bin/python"
    )
    assert listed(code) == ["lib/util.py", "train.py"]


def test_all_that_is_left_out_is_told_with_the_reason(repository: Path) -> None:
    write(repository, "run.log", "out/a.csv", "out/b.csv", "env/pyvenv.cfg", "data/big.csv", "lib/__pycache__/util.pyc")
    write(repository, "runs/_active/.lock")
    (repository.parent / ".gitignore").write_text("*.log\n/code/out/\n")
    (repository / ".sagemakerignore").write_text("data/\n.sage*\n")
    write(repository.parent / "shared", "notes.log", "a.py")
    manifest = source.manifest(repository, entry_point="train.py", dependencies=[repository.parent / "shared"])
    assert manifest.left_out == (
        (".sagemakerignore", "named in .sagemakerignore"),
        ("data/", "named in .sagemakerignore"),
        ("env/", "a virtual environment"),
        ("lib/__pycache__/", "never sent"),
        ("out/", "ignored by git"),
        ("run.log", "ignored by git"),
        ("runs/", "written by the harness"),
        ("shared/notes.log", "ignored by git"),
    )


# Ignored


@pytest.fixture
def repository(code: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    git(code.parent, "init", "-q")
    return code


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def test_what_git_ignores_is_left_out(repository: Path) -> None:
    write(repository, "run.log", "out/model", "lib/deep.log", "kept.log", "lib/.hidden")
    (repository.parent / ".gitignore").write_text("*.log\n!kept.log\n/code/out/\n")
    assert listed(repository) == ["kept.log", "lib/.hidden", "lib/util.py", "train.py"]


def test_a_tracked_file_travels_whatever_gitignore_says(repository: Path) -> None:
    write(repository, "weights.bin")
    (repository / ".gitignore").write_text("*.bin\n")
    git(repository, "add", "--force", "weights.bin")
    assert "weights.bin" in listed(repository)


def test_a_repository_within_ignores_for_itself(repository: Path) -> None:
    write(repository, "sub/a.py", "sub/deep/b.log", "sub/out/c.py", "kept.log")
    git(repository / "sub", "init", "-q")
    (repository / "sub" / ".gitignore").write_text("*.log\n/out/\n")
    assert listed(repository) == ["kept.log", "lib/util.py", "sub/.gitignore", "sub/a.py", "train.py"]


def test_a_submodule_whose_repository_was_left_behind_is_a_folder(repository: Path) -> None:
    write(repository, "sub/a.py")
    (repository / "sub" / ".git").write_text("gitdir: ../../.git/modules/sub\n")
    assert "sub/a.py" in listed(repository)


def test_a_broken_repository_below_the_source_is_a_folder(code: Path) -> None:
    write(code, "fixture/a.py", "fixture/.git/HEAD")
    assert "fixture/a.py" in listed(code)


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_source_dir_that_git_ignores_was_named_on_purpose(repository: Path, below: str) -> None:
    (repository.parent / ".gitignore").write_text("/code/\n*.log\n")
    write(repository / below, "train.py", "run.log")
    assert {"train.py", "run.log"} <= set(listed(repository / below))


@pytest.mark.parametrize("dependency", ["weights.bin", "out"])
def test_a_dependency_that_git_ignores_was_named_on_purpose(repository: Path, dependency: str) -> None:
    write(repository, "weights.bin", "out/a.bin")
    (repository / ".gitignore").write_text("*.bin\n/out/\n")
    assert listed(repository)[:2] == [".gitignore", "lib/util.py"]
    assert {"weights.bin", "out/a.bin"} & {*listed(repository, dependencies=[repository / dependency])}


def test_names_are_taken_as_they_are(repository: Path) -> None:
    strange = 'a "quoted"\nname\tü.log'
    write(repository, strange, "*.py")
    (repository / ".gitignore").write_text("*.log\n")
    assert listed(repository) == ["*.py", ".gitignore", "lib/util.py", "train.py"]


def test_the_repository_of_a_running_hook_is_not_asked(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(repository, "run.log")
    (repository / ".gitignore").write_text("*.log\n")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert "run.log" not in listed(repository)


def test_without_git_everything_travels(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(repository, "run.log")
    (repository / ".gitignore").write_text("*.log\n")
    monkeypatch.setenv("PATH", os.devnull)
    assert "run.log" in listed(repository)


def test_a_broken_repository_is_an_error_not_a_guess(repository: Path) -> None:
    (repository.parent / ".git" / "HEAD").write_text("nonsense")
    with pytest.raises(ConfigurationError, match=r"git cannot say what it ignores in .*not a git repository"):
        source.manifest(repository, entry_point="train.py")


def test_sagemakerignore_leaves_out_in_gitignores_syntax_even_what_git_tracks(repository: Path) -> None:
    write(repository, "data/big.csv", "lib/data/big.csv", "notes.md", "lib/kept.md", "lib/odd.md", "tests/t.py")
    git(repository, "add", ".")
    (repository / ".sagemakerignore").write_text("# only the root's\n/data/\n*.md\n!kept.md\ntests\n.sage*\n")
    assert listed(repository) == ["lib/data/big.csv", "lib/kept.md", "lib/util.py", "train.py"]


def test_nothing_comes_back_from_a_folder_that_sagemakerignore_leaves_out(code: Path) -> None:
    write(code, "data/keep.py")
    (code / ".sagemakerignore").write_text("data/\n!data/keep.py\n.sage*\n")
    assert listed(code) == ["lib/util.py", "train.py"]


def test_a_pattern_that_means_nothing_is_an_error_that_names_the_file(code: Path) -> None:
    (code / ".sagemakerignore").write_text("a\\\n")
    with pytest.raises(ConfigurationError, match=r"\.sagemakerignore' cannot be used: Invalid git pattern"):
        source.manifest(code, entry_point="train.py")


# Wrong entry points, folders and files


@pytest.mark.parametrize(
    ("entry_point", "message"),
    [
        ("tran.py", r"'tran\.py' is not in source_dir '.*code'\. Did you mean 'train\.py'\?"),
        ("utility.py", r"Did you mean 'lib/util\.py'\?"),
        ("zzz", r"It holds 'lib/util\.py', 'train\.py'\."),
        ("lib", r"'lib' is a folder of source_dir"),
        ("", r"'' is a folder of source_dir"),
        ("../outside.py", r"'\.\./outside\.py' lies outside source_dir"),
        ("lib/../../outside.py", r"lies outside source_dir"),
        ("/code/train.py", r"'/code/train\.py' lies outside source_dir"),
        (
            "ignored.py",
            r"'ignored\.py' is in source_dir .*, but left out: 'ignored\.py' is named in \.sagemakerignore\.",
        ),
        (".venv/a.py", r"'\.venv/a\.py' is in source_dir .*, but left out: '\.venv/' is never sent\."),
    ],
)
def test_a_wrong_entry_point_is_refused_with_the_remedy(code: Path, entry_point: str, message: str) -> None:
    write(code.parent, "outside.py")
    write(code, "ignored.py", ".venv/a.py")
    (code / ".sagemakerignore").write_text("ignored.py\n.sagemakerignore\n")
    with pytest.raises(ConfigurationError, match=message):
        source.manifest(code, entry_point=entry_point)


@pytest.mark.parametrize("entry_point", ["train.py", "./train.py", "lib/../train.py", "lib/util.py"])
def test_an_entry_point_inside_is_kept_as_it_was_given(code: Path, entry_point: str) -> None:
    assert source.manifest(code, entry_point=entry_point).entry_point == entry_point


@pytest.mark.parametrize(
    ("source_dir", "entry_point", "message"),
    [
        ("nowhere", "train.py", r"source_dir '.*nowhere' is not there\."),
        ("code/train.py", "train.py", r"source_dir '.*train\.py' is not a folder\."),
        (None, "code/nowhere.py", r"entry_point '.*nowhere\.py' is not there"),
        (None, "code", r"entry_point '.*code' is a folder"),
    ],
)
def test_what_is_missing_is_named(code: Path, source_dir: str | None, entry_point: str, message: str) -> None:
    if source_dir is None:
        entry_point = str(code.parent / entry_point)
    with pytest.raises(ConfigurationError, match=message):
        source.manifest(source_dir and code.parent / source_dir, entry_point=entry_point)


def test_a_missing_dependency_is_named(code: Path) -> None:
    with pytest.raises(ConfigurationError, match="dependency 'nowhere' is not there"):
        source.manifest(code, entry_point="train.py", dependencies=[Path("nowhere")])


@pytest.mark.parametrize("dependency", ["train.py", "lib"])
def test_two_files_of_one_name_are_refused(code: Path, tmp_path: Path, dependency: str) -> None:
    write(tmp_path / "other", "train.py", "lib/util.py")
    with pytest.raises(ConfigurationError, match=r"would both become '(train|lib/util)\.py'"):
        source.manifest(code, entry_point="train.py", dependencies=[tmp_path / "other" / dependency])


def test_a_file_where_another_needs_a_folder_is_refused(code: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="would both become 'lib'"):
        source.manifest(code, entry_point="train.py", dependencies=[write(tmp_path, "lib") / "lib"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (os.mkfifo, "neither a file nor a folder"),
        (lambda path: path.symlink_to("nowhere"), "is a symbolic link to 'nowhere', which is not there"),
    ],
    ids=["FIFO", "broken link"],
)
def test_what_cannot_travel_is_refused_by_name(code: Path, make, message: str) -> None:
    make(code / "odd")
    with pytest.raises(ConfigurationError, match=f"odd' (is )?{message}"):
        source.manifest(code, entry_point="train.py")


def test_two_gigabytes_are_refused_and_the_largest_files_named(code: Path) -> None:
    with (code / "data.bin").open("wb") as file:
        file.truncate(source.MAX_SIZE)
    with pytest.raises(ConfigurationError, match=r"weighs 2,000 MB.*Largest: data\.bin \(2,000 MB\)"):
        source.manifest(code, entry_point="train.py")


def test_the_limit_itself_is_too_much(code: Path) -> None:
    size = source.manifest(code, entry_point="train.py").size
    with pytest.raises(ConfigurationError, match="the limit is"):
        source.manifest(code, entry_point="train.py", max_size=size)
    assert source.manifest(code, entry_point="train.py", max_size=size + 1).size == size


# Secrets, written so that this file holds none

ACCESS_KEY = "AKI" + "A" + "Z" * 16
SECRET_KEY = "wJalrXUt" * 5


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        (".env", "A=1", "credentials, by its name"),
        (".env.production", "A=1", "credentials, by its name"),
        ("deploy/id_ed25519", "x", "credentials, by its name"),
        ("cert.p12", "x", "credentials, by its name"),
        ("key.pem", "-----BEGIN RSA PRIVATE " + "KEY-----", "a private key"),
        ("key.txt", "x\n-----BEGIN PRIVATE " + "KEY-----", "a private key"),
        ("ssh", "-----BEGIN OPENSSH PRIVATE " + "KEY-----", "a private key"),
        ("config.py", f"KEY = '{ACCESS_KEY}'", "an AWS access key"),
        ("config.py", f"KEY = '{ACCESS_KEY.replace('AKI', 'ASI')}'", "an AWS access key"),
        ("credentials", f"aws_secret_access_key = {SECRET_KEY}", "AWS credentials"),
        ("config.json", f'{{"AWS_SECRET_ACCESS_KEY": "{SECRET_KEY}"}}', "AWS credentials"),
    ],
)
def test_a_secret_is_refused_unless_allowed_by_name(code: Path, name: str, content: str, what: str) -> None:
    write(code, name)
    (code / name).write_text(content)
    with pytest.raises(ConfigurationError, match=f"{name}' holds {what}.*add '{name}' to allow_secrets"):
        source.manifest(code, entry_point="train.py")
    assert name in listed(code, allow_secrets=[name])


def test_a_link_to_a_secret_is_one_whatever_its_name(code: Path, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine a login b password c")
    (code / "settings").symlink_to(tmp_path / ".netrc")
    with pytest.raises(ConfigurationError, match="settings' holds credentials, by its name"):
        source.manifest(code, entry_point="train.py")


def test_a_secret_that_is_ignored_does_not_matter(code: Path) -> None:
    write(code, ".env")
    (code / ".sagemakerignore").write_text(".env\n")
    assert ".env" not in listed(code)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".env.example", "A="),
        ("cert.pem", "-----BEGIN CERTIFICATE-----"),
        ("docs.md", "AKIA" + "IOSFODNN7EXAMPLE"),
        ("long.txt", "X" + ACCESS_KEY),
        ("code.py", "aws_secret_access_key = os.environ['AWS_SECRET_ACCESS_KEY']"),
    ],
)
def test_what_only_looks_like_a_secret_travels(code: Path, name: str, content: str) -> None:
    (code / name).write_text(content)
    assert name in listed(code)


# Packed and staged


def test_the_same_files_give_the_same_bytes_wherever_and_whenever(code: Path, tmp_path: Path) -> None:
    again = write(tmp_path / "again", "lib/util.py", "train.py")
    os.utime(again / "train.py", (1, 1))
    first, second = (source.manifest(folder, entry_point="train.py") for folder in (code, again))
    assert packed(first) == packed(second)
    assert source.content_hash(first) == source.content_hash(second)


@pytest.mark.parametrize(
    "change",
    [
        lambda code: (code / "train.py").write_text("other"),
        lambda code: (code / "train.py").chmod(0o755),
        lambda code: (code / "lib").rename(code / "bil"),
        lambda code: write(code, "more.py"),
    ],
    ids=["bytes", "mode", "name", "one more"],
)
def test_any_difference_gives_another_hash(code: Path, change) -> None:
    before = source.content_hash(source.manifest(code, entry_point="train.py"))
    change(code)
    assert source.content_hash(source.manifest(code, entry_point="train.py")) != before


def test_the_archive_names_no_owner_no_time_and_not_itself(code: Path, tmp_path: Path) -> None:
    with (tmp_path / "named.tar.gz").open("wb") as target:
        source.pack(source.manifest(code, entry_point="train.py"), target)
    no_flags, no_time = b"\0", b"\0\0\0\0"
    assert (tmp_path / "named.tar.gz").read_bytes()[3:8] == no_flags + no_time
    with tarfile.open(tmp_path / "named.tar.gz") as archive:
        assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in archive} == {(0, 0, "", "", 315532800)}


def test_a_staged_file_is_a_copy(code: Path, tmp_path: Path) -> None:
    source.stage(source.manifest(code, entry_point="train.py"), tmp_path / "staged")
    (tmp_path / "staged" / "train.py").write_text("changed by the script")
    assert (code / "train.py").read_text() == "train.py"


def test_a_linked_file_takes_no_room_and_travels_on_as_the_same(code: Path, tmp_path: Path) -> None:
    write(code, "deep/more.py")
    (code / "named.py").symlink_to("train.py")
    listed = source.manifest(code, entry_point="train.py")
    source.link(listed, tmp_path / "linked")
    assert (tmp_path / "linked" / "deep" / "more.py").samefile(code / "deep" / "more.py")
    assert (tmp_path / "linked" / "deep" / "more.py").stat().st_nlink == 2
    assert source.content_hash(source.manifest(tmp_path / "linked", entry_point="train.py")) == source.content_hash(
        listed
    )


def test_what_cannot_be_linked_is_copied(code: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_another_disk(*given: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", on_another_disk)
    source.link(source.manifest(code, entry_point="train.py"), tmp_path / "linked")
    assert (tmp_path / "linked" / "train.py").read_text() == "train.py"
    assert not (tmp_path / "linked" / "train.py").samefile(code / "train.py")


def test_a_file_of_many_megabytes_is_copied_whole(code: Path, tmp_path: Path) -> None:
    (code / "big.bin").write_bytes(bytes(range(256)) * 10_000)
    source.stage(source.manifest(code, entry_point="train.py"), tmp_path / "staged")
    assert (tmp_path / "staged" / "big.bin").read_bytes() == (code / "big.bin").read_bytes()


def test_a_file_that_has_grown_since_it_was_listed_is_copied_whole(code: Path, tmp_path: Path) -> None:
    listed = source.manifest(code, entry_point="train.py")
    (code / "train.py").write_text("grown " * 1000)
    source.stage(listed, tmp_path / "staged")
    assert (tmp_path / "staged" / "train.py").read_text() == "grown " * 1000


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda name: name not in {".", "..", source.IGNORE_FILE, *source.ALWAYS_LEFT_OUT}
)
trees = st.dictionaries(
    st.lists(names, min_size=1, max_size=3).map("/".join),
    st.tuples(st.binary(max_size=100), st.sampled_from([0o600, 0o644, 0o700, 0o777])),
    max_size=6,
)


def laid_out(root: Path) -> dict[str, object]:
    """Files with bytes, mode and time; folders with their mode."""
    found: dict[str, object] = {}
    for path in root.rglob("*"):
        status = path.stat()
        mode = stat.S_IMODE(status.st_mode)
        content = (path.read_bytes(), status.st_mtime) if path.is_file() else None
        found[str(path.relative_to(root))] = (mode, content)
    return found


@pytest.mark.slow
@given(trees)
def test_staging_lays_out_what_unpacking_the_archive_would(files: dict[str, tuple[bytes, int]]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        write(root / "code", "train.py")
        for name, (content, mode) in files.items():
            path = root / "code" / name
            with contextlib.suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                path.chmod(mode)
        manifest = source.manifest(root / "code", entry_point="train.py", allow_secrets=files)
        (root / "sourcedir.tar.gz").write_bytes(packed(manifest))
        unpack_archive(root / "sourcedir.tar.gz", root / "unpacked")
        source.stage(manifest, root / "staged")
        assert laid_out(root / "staged") == laid_out(root / "unpacked")
        assert {file.name for file in manifest.files} == {
            name for name, (_, content) in laid_out(root / "staged").items() if content is not None
        }
