"""Channels as files: what is wrong with them before the job, and what a host gets of them."""

import json
from pathlib import Path

import pytest

from harness.engine import channels
from harness.engine.launcher import Mount
from harness.errors import ConfigurationError


def channel(path: Path, **changes) -> dict:
    source = {"S3DataType": "S3Prefix", "S3Uri": path.as_uri(), **changes.pop("source", {})}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}, **changes}


def manifest(path: Path, prefix: str, *names: str) -> Path:
    path.write_text(json.dumps([{"prefix": prefix}, *names]))
    return path


def problems(*arguments, **changes) -> str:
    return "\n".join(channels.problems(channel(*arguments, **changes)))


MANIFEST = {"S3DataType": "ManifestFile"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name in ("c.csv", "a/d.csv", "b.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


class TestAPath:
    def test_comes_out_of_a_uri_with_its_escapes_undone(self, tmp_path):
        path = tmp_path / "with space ä#?%41"
        assert channels.local_path(path.as_uri()) == path
        assert channels.local_path("file://localhost/data") == Path("/data")

    @pytest.mark.parametrize("uri", ["s3://bucket/key", "/data", "data", "file://other-machine/data", "https://x/y"])
    def test_of_another_machine_is_refused(self, uri):
        with pytest.raises(ConfigurationError, match="not a file:// URI of this machine"):
            channels.local_path(uri)


class TestProblems:
    def test_are_none_with_a_folder_a_file_or_a_manifest(self, data, tmp_path):
        assert problems(data) == ""
        assert problems(data / "b.csv") == ""
        assert problems(manifest(tmp_path / "m", data.as_uri() + "/", "b.csv"), source=MANIFEST) == ""

    def test_name_what_is_missing(self, data, tmp_path):
        assert problems(data / "nowhere") == f"Channel 'train': {data}/nowhere does not exist."

    def test_name_a_folder_without_files(self, tmp_path):
        (tmp_path / "empty/below").mkdir(parents=True)
        assert "has no files" in problems(tmp_path / "empty")

    def test_name_a_link_that_leads_nowhere(self, data):
        (data / "broken").symlink_to("gone")
        assert f"{data}/broken" in problems(data)
        assert "does not exist" in problems(data)

    def test_end_although_folders_link_to_each_other(self, tmp_path):
        for name in ("a", "b", "c"):
            (tmp_path / "loop" / name).mkdir(parents=True)
            for other in ("x", "y", "z"):
                (tmp_path / "loop" / name / other).symlink_to(tmp_path / "loop")
        assert "has no files" in problems(tmp_path / "loop")

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("not json", "is not a manifest"),
            ("[]", "is not a manifest"),
            ("{}", "is not a manifest"),
            ('["no prefix"]', "is not a manifest"),
            ('[{"prefix": "file:///data/"}, 3]', "is not a manifest"),
            ('[{"prefix": "s3://bucket/"}, "key"]', "is not a manifest"),
            ('[{"prefix": "file:///data/"}, "../up"]', "leads out of the prefix"),
            ('[{"prefix": "file:///proc"}, "x"]', "has to end in '/'"),
        ],
    )
    def test_explain_what_a_manifest_is(self, tmp_path, content, says):
        (tmp_path / "m").write_text(content)
        with pytest.raises(ConfigurationError, match=says):
            problems(tmp_path / "m", source=MANIFEST)

    def test_name_what_a_manifest_lacks(self, data, tmp_path):
        named = manifest(tmp_path / "m", data.as_uri() + "/", "b.csv", "gone.csv")
        assert problems(named, source=MANIFEST) == f"Channel 'train': {data}/gone.csv, of {named}, does not exist."
        assert "has no files" in problems(manifest(tmp_path / "m", data.as_uri() + "/"), source=MANIFEST)

    @pytest.mark.parametrize("name", ["a", "a/", ""])
    def test_name_a_folder_where_a_manifest_should_name_a_file(self, data, tmp_path, name):
        named = manifest(tmp_path / "m", data.as_uri() + "/", name)
        assert "is a folder; a manifest names single files" in problems(named, source=MANIFEST)


class TestAnOutput:
    def test_may_be_a_folder_or_become_one_or_be_in_s3(self, tmp_path):
        for uri in (tmp_path.as_uri(), (tmp_path / "a/b").as_uri(), "s3://bucket/key"):
            assert list(channels.output_problems("Output 'x'", uri)) == []

    @pytest.mark.parametrize("name", ["data/b.csv", "data/b.csv/below", "data/b.csv/below/it"])
    def test_is_no_file_and_lies_below_none(self, data, tmp_path, name):
        (said,) = channels.output_problems("Output 'x'", (tmp_path / name).as_uri())
        assert said.startswith(f"Output 'x': {data}/b.csv is a file, and")

    def test_is_where_this_user_may_write(self, tmp_path, monkeypatch):
        monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)
        (said,) = channels.output_problems("Output 'x'", (tmp_path / "new").as_uri())
        assert said == f"Output 'x': {tmp_path} cannot be written to by this user."


def provide(tree: Path, *given: dict, host: int = 0, hosts: int = 1) -> tuple[Mount, ...]:
    return channels.provide(given, tree=tree, base_dir="/opt/ml", host=host, hosts=hosts)


def listed(tree: Path) -> dict[str, str]:
    """The links of the channel: name -> what it leads to."""
    folder = tree / "input/data/train"
    links = [path for path in sorted(folder.rglob("*")) if path.is_symlink()]
    return {str(path.relative_to(folder)): str(path.readlink()) for path in links}


class TestAHost:
    def test_gets_a_folder_mounted_and_nothing_copied(self, data, tmp_path):
        assert provide(tmp_path / "tree", channel(data)) == (Mount(data, "/opt/ml/input/data/train"),)
        assert not (tmp_path / "tree").exists()

    def test_gets_a_single_file_under_its_name(self, data, tmp_path):
        (mount,) = provide(tmp_path / "tree", channel(data / "b.csv"))
        assert mount == Mount(data / "b.csv", "/opt/ml/input/data/train/b.csv")

    def test_gets_what_links_lead_to(self, data, tmp_path):
        (tmp_path / "link").symlink_to(data)
        (mount,) = provide(tmp_path / "tree", channel(tmp_path / "link"))
        assert mount.source == data

    def test_gets_the_files_of_a_manifest_each_once_and_no_others(self, data, tmp_path):
        named = manifest(tmp_path / "m", data.as_uri() + "/", "a/d.csv", "b.csv", "b.csv")
        assert provide(tmp_path / "tree", channel(named, source=MANIFEST)) == ()
        assert listed(tmp_path / "tree") == {"a/d.csv": f"{data}/a/d.csv", "b.csv": f"{data}/b.csv"}

    @pytest.mark.parametrize("name", ["a b.csv", "50%41.csv", "x#1.csv", "what?.csv"])
    def test_gets_what_a_manifest_names_letter_by_letter(self, tmp_path, name):
        folder = tmp_path / "50% of it"
        folder.mkdir()
        (folder / name).touch()
        provide(tmp_path / "tree", channel(manifest(tmp_path / "m", folder.as_uri() + "/", name), source=MANIFEST))
        assert listed(tmp_path / "tree") == {name: f"{folder}/{name}"}

    @pytest.mark.parametrize(
        ("prefix", "name", "as_"), [("a/", "d.csv", "d.csv"), ("a", "/d.csv", "d.csv"), ("a/d", ".csv", "d.csv")]
    )
    def test_gets_what_begins_with_a_manifests_prefix_be_it_a_folder_or_not(self, data, tmp_path, prefix, name, as_):
        named = manifest(tmp_path / "m", f"{data.as_uri()}/{prefix}", name)
        assert problems(named, source=MANIFEST) == ""
        provide(tmp_path / "tree", channel(named, source=MANIFEST))
        assert listed(tmp_path / "tree") == {as_: f"{data}/a/d.csv"}

    def test_gets_its_share_of_a_sharded_channel_in_the_order_of_keys(self, data, tmp_path):
        sharded = channel(data, source={"S3DataDistributionType": "ShardedByS3Key"})
        shares = []
        for host in range(2):
            assert provide(tmp_path / str(host), sharded, host=host, hosts=2) == ()
            shares.append(list(listed(tmp_path / str(host))))
        assert shares == [["a/d.csv", "c.csv"], ["b.csv"]]

    def test_gets_an_empty_folder_when_there_are_more_hosts_than_files(self, data, tmp_path):
        sharded = channel(data, source={"S3DataDistributionType": "ShardedByS3Key"})
        provide(tmp_path / "tree", sharded, host=3, hosts=4)
        assert (tmp_path / "tree/input/data/train").is_dir()
        assert listed(tmp_path / "tree") == {}

    def test_gets_all_of_a_sharded_channel_when_it_is_alone(self, data, tmp_path):
        sharded = channel(data, source={"S3DataDistributionType": "ShardedByS3Key"})
        assert provide(tmp_path / "tree", sharded) == (Mount(data, "/opt/ml/input/data/train"),)

    def test_gets_its_share_of_a_manifest(self, data, tmp_path):
        named = manifest(tmp_path / "m", data.as_uri() + "/", "a/d.csv", "b.csv", "c.csv")
        sharded = channel(named, source={**MANIFEST, "S3DataDistributionType": "ShardedByS3Key"})
        provide(tmp_path / "tree", sharded, host=1, hosts=2)
        assert list(listed(tmp_path / "tree")) == ["b.csv"]


def test_the_originals_of_channels_are_what_they_name_and_what_their_manifests_name(tmp_path, data):
    listed = manifest(tmp_path / "m", f"{data.as_uri()}/", "b.csv", "a/d.csv")
    given = [channel(data / "c.csv"), channel(listed, source=MANIFEST)]
    assert list(channels.originals(given)) == [data / "c.csv", listed, data]
