"""Data by its URI: read into a cache once, and sent once."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest

from harness.errors import ConfigurationError, HarnessError, MissingCapability
from harness.storage import NoData, Storage, local_path
from harness.storage.uris import Object, names_below
from tests.storage.conftest import BUCKET, tree

WHOLE = {"train/a.csv": "1", "train/sub/b.csv": "22", "train_old/c.csv": "333", "other": "x"}


class TestNames:
    @pytest.mark.parametrize(
        ("prefix", "keys", "names"),
        [
            ("train/", ["train/a", "train/b/c"], ["a", "b/c"]),
            ("train", ["train/a", "train_old/b"], ["a", "_old/b"]),
            ("train/a.csv", ["train/a.csv"], ["a.csv"]),
            ("train/a", ["train/a", "train/a.bak"], ["a", "a.bak"]),
            ("", ["a", "b/c"], ["a", "b/c"]),
            ("train/", ["train/", "train/sub/", "train/a"], ["a"]),
        ],
    )
    def test_are_relative_to_the_prefix(self, prefix, keys, names):
        found = names_below(f"s3://b/{prefix}", [Object(key, "", 0, 0) for key in keys])
        assert list(found) == names

    @pytest.mark.parametrize(
        "keys",
        [
            ["p/../../etc/passwd"],
            ["p/a/../b"],
            ["p/./a"],
            ["p/a//b"],
            ["p//a", "p/a"],
            ["p/a", "p/a/b"],
        ],
    )
    def test_that_no_folder_can_hold_are_refused(self, keys):
        with pytest.raises(ConfigurationError):
            names_below("s3://b/p/", [Object(key, "", 0, 0) for key in keys])


class TestReading:
    def test_a_file_uri_is_that_path_and_asks_nobody(self, tmp_path):
        assert Storage(tmp_path / "cache").local((tmp_path / "x").as_uri()) == tmp_path / "x"
        assert not (tmp_path / "cache").exists()

    def test_a_prefix_is_every_object_that_begins_with_it(self, cloud):
        cloud.put(**WHOLE)
        found = cloud.storage().local(f"s3://{BUCKET}/train")
        assert tree(found) == {"a.csv": "1", "sub/b.csv": "22", "_old/c.csv": "333"}

    def test_one_object_is_a_file_of_its_name(self, cloud):
        cloud.put(**WHOLE)
        found = cloud.storage().local(f"s3://{BUCKET}/train/a.csv")
        assert found.name == "a.csv"
        assert found.read_text() == "1"

    def test_an_object_that_others_begin_with_can_be_had_alone(self, cloud):
        cloud.put(**{"m.tar.gz": "model", "m.tar.gz.bak": "old"})
        assert cloud.storage().local_object(f"s3://{BUCKET}/m.tar.gz").read_text() == "model"

    def test_a_manifest_names_objects_below_its_prefix(self, cloud):
        manifest = json.dumps([{"prefix": f"s3://{BUCKET}/train/"}, "sub/b.csv"])
        cloud.put(**WHOLE, manifest=manifest)
        source = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{BUCKET}/manifest"}
        found = cloud.storage().localised(source)
        assert found["S3DataType"] == "S3Prefix"
        assert tree(local_path(found["S3Uri"])) == {"sub/b.csv": "22"}

    @pytest.mark.parametrize("content", ["no json", "[]", "{}", '[{"prefix": "folder/"}, "a"]', '["a"]'])
    def test_a_manifest_that_is_none_is_refused(self, cloud, content):
        cloud.put(manifest=content)
        with pytest.raises(ConfigurationError, match="is not a manifest"):
            cloud.storage().local_manifest(f"s3://{BUCKET}/manifest")

    def test_a_manifest_that_names_what_is_not_there_says_so(self, cloud):
        cloud.put(manifest=json.dumps([{"prefix": f"s3://{BUCKET}/"}, "gone"]))
        with pytest.raises(NoData, match=f"s3://{BUCKET}/gone"):
            cloud.storage().local_manifest(f"s3://{BUCKET}/manifest")

    @pytest.mark.parametrize("how", ["local", "local_object", "local_manifest"])
    def test_nothing_is_named_as_aws_names_it(self, cloud, how):
        with pytest.raises(NoData, match=f'No S3 objects found under S3 URL "s3://{BUCKET}/nowhere"'):
            getattr(cloud.storage(), how)(f"s3://{BUCKET}/nowhere")

    @pytest.mark.parametrize(
        ("uri", "there"),
        [
            (f"s3://{BUCKET}/train/a.csv", True),
            (f"s3://{BUCKET}/train/a", False),
            (f"s3://{BUCKET}/train", False),
            ("s3://nobodys-bucket/x", False),
        ],
    )
    def test_an_object_exists_under_exactly_its_uri(self, cloud, uri, there):
        cloud.put(**WHOLE)
        assert cloud.storage().exists(uri) is there

    def test_a_file_exists_and_a_folder_is_none(self, cloud, tmp_path):
        (tmp_path / "a").touch()
        assert cloud.storage().exists((tmp_path / "a").as_uri())
        assert not cloud.storage().exists(tmp_path.as_uri())

    def test_a_bucket_that_is_not_there_is_aws_s_refusal(self, cloud):
        with pytest.raises(ConfigurationError, match="NoSuchBucket"):
            cloud.storage().local("s3://nobodys-bucket/x")

    def test_a_download_is_the_object_or_nothing(self, cloud, tmp_path):
        cloud.put(a="content")
        assert cloud.storage().download(f"s3://{BUCKET}/a", tmp_path / "new/a").read_text() == "content"
        with pytest.raises(NoData):
            cloud.storage().download(f"s3://{BUCKET}/b", tmp_path / "new/b")
        assert [each.name for each in (tmp_path / "new").iterdir()] == ["a"]


class TestTheCache:
    def test_is_asked_instead_of_s3_until_something_changes(self, cloud):
        cloud.put(**WHOLE)
        cloud.storage().local(f"s3://{BUCKET}/train")
        cloud.asked.clear()
        cloud.storage().local(f"s3://{BUCKET}/train")
        assert cloud.asked == {"ListObjectsV2": 1}

    def test_reads_only_what_has_changed(self, cloud):
        cloud.put(**WHOLE)
        before = cloud.storage().local(f"s3://{BUCKET}/train")
        cloud.put(**{"train/a.csv": "new"})
        cloud.asked.clear()
        assert tree(cloud.storage().local(f"s3://{BUCKET}/train"))["a.csv"] == "new"
        assert cloud.asked["GetObject"] == 1
        assert tree(before)["a.csv"] == "1", "a job that reads the old state goes on doing so"

    def test_reads_again_what_somebody_has_written_to(self, cloud):
        cloud.put(**WHOLE)
        file = cloud.storage().local(f"s3://{BUCKET}/train") / "a.csv"
        file.chmod(0o644)
        file.write_text("spoilt")
        assert (cloud.storage().local(f"s3://{BUCKET}/train") / "a.csv").read_text() == "1"

    def test_cannot_be_written_to_by_accident(self, cloud):
        cloud.put(**WHOLE)
        assert cloud.storage().local(f"s3://{BUCKET}/train/a.csv").stat().st_mode & 0o222 == 0

    def test_holds_nothing_of_an_object_that_came_broken(self, cloud, monkeypatch):
        cloud.put(a="content")
        storage = cloud.storage()
        monkeypatch.setattr("harness.storage.s3._md5_of", lambda etag: "0" * 32)
        with pytest.raises(HarnessError, match="could not be read whole in 3 attempts"):
            storage.local(f"s3://{BUCKET}/a")
        assert cloud.asked["GetObject"] == 3
        assert not [each for each in (cloud.folder / "cache").glob("*/**") if each.is_file()]

    def test_serves_many_at_once(self, cloud):
        cloud.put(**{f"many/{number:03d}": str(number) for number in range(20)})
        found: list = []

        def read() -> None:
            found.append(tree(cloud.storage().local(f"s3://{BUCKET}/many/")))

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [{f"{number:03d}": str(number) for number in range(20)}] * 4

    def test_leaves_no_thread_behind_for_the_engine_to_fork(self, cloud):
        cloud.put(**WHOLE)
        cloud.storage().local(f"s3://{BUCKET}/train")
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("storage")]


class TestUploads:
    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        for name, content in {"a.csv": "1", "sub/b.csv": "22", "empty": ""}.items():
            file = tmp_path / "data" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        return tmp_path / "data"

    @pytest.mark.parametrize("uri", [f"s3://{BUCKET}/p", f"s3://{BUCKET}/p/"])
    def test_send_a_folder_s_files_below_the_prefix(self, cloud, folder, uri):
        assert cloud.storage().upload(folder, uri) == (3, 3, 3)
        assert cloud.keys() == ["p/a.csv", "p/empty", "p/sub/b.csv"]

    def test_send_a_file_to_its_key_or_into_a_folder(self, cloud, folder):
        cloud.storage().upload(folder / "a.csv", f"s3://{BUCKET}/k")
        cloud.storage().upload(folder / "a.csv", f"s3://{BUCKET}/f/")
        assert cloud.keys() == ["f/a.csv", "k"]

    def test_send_nothing_a_second_time_and_ask_once(self, cloud, folder):
        cloud.storage().upload(folder, f"s3://{BUCKET}/p")
        cloud.asked.clear()
        assert cloud.storage().upload(folder, f"s3://{BUCKET}/p").sent == 0
        assert cloud.asked == {"ListObjectsV2": 1}

    def test_send_what_has_changed_although_it_has_the_same_size(self, cloud, folder):
        cloud.storage().upload(folder, f"s3://{BUCKET}/p")
        (folder / "a.csv").write_text("2")
        assert cloud.storage().upload(folder, f"s3://{BUCKET}/p").sent == 1
        assert cloud.client.get_object(Bucket=BUCKET, Key="p/a.csv")["Body"].read() == b"2"

    @pytest.mark.parametrize(("size", "asked"), [(0, None), (1 << 20, None), ((1 << 20) + 1, b"100-continue")])
    def test_ask_first_whether_they_may_come_only_where_they_are_large(self, cloud, tmp_path, size, asked):
        (tmp_path / "a").write_bytes(bytes(size))
        storage, headers = cloud.storage(), []

        def note(request, **_):
            headers.append(request.headers.get("Expect"))

        storage.s3._client.meta.events.register_first("before-send.s3.PutObject", note)
        storage.upload(tmp_path / "a", f"s3://{BUCKET}/a")
        assert headers == [asked]

    def test_know_their_own_bytes_where_an_etag_is_no_md5(self, cloud, folder, monkeypatch):
        cloud.storage().upload(folder, f"s3://{BUCKET}/p")
        monkeypatch.setattr("harness.storage.s3._md5_of", lambda etag: None)
        cloud.asked.clear()
        assert cloud.storage().upload(folder, f"s3://{BUCKET}/p").sent == 0
        assert cloud.asked == {"ListObjectsV2": 1, "HeadObject": 3}

    def test_go_in_parts_where_a_file_is_large(self, cloud, tmp_path, monkeypatch):
        monkeypatch.setattr("harness.storage.s3._MULTIPART", 9 << 20)
        (tmp_path / "large").write_bytes(b"\0" * (9 << 20))
        storage = cloud.storage()
        storage.upload(tmp_path / "large", f"s3://{BUCKET}/large")
        assert cloud.asked["UploadPart"] > 1
        assert storage.upload(tmp_path / "large", f"s3://{BUCKET}/large").sent == 0
        assert storage.local(f"s3://{BUCKET}/large").stat().st_size == 9 << 20

    def test_tell_how_far_they_are(self, cloud, folder):
        told: list = []

        class Told:
            def begin(self, files, size):
                told.append((files, size))

            def advance(self, name, size, *, sent):
                told.append((name, size, sent))

            def end(self):
                told.append("end")

        cloud.storage().upload(folder / "a.csv", f"s3://{BUCKET}/k", Told())
        assert told == [(1, 1), ("k", 1, True), "end"]

    def test_name_the_expected_owner_wherever_s3_takes_it(self, cloud, folder, tmp_path):
        storage = cloud.storage(owners={BUCKET: "123456789012"}, kms_key="key")
        storage.s3.make_bucket(BUCKET)
        storage.mirror(folder, f"s3://{BUCKET}/p")
        (folder / "a.csv").unlink()
        storage.mirror(folder, f"s3://{BUCKET}/p")
        storage.local(f"s3://{BUCKET}/p")
        assert {name for name, _ in cloud.parameters} == {
            *("HeadBucket", "ListObjectsV2", "PutObject", "GetObject", "DeleteObjects")
        }
        assert all(given["ExpectedBucketOwner"] == "123456789012" for _, given in cloud.parameters)
        put = [given for name, given in cloud.parameters if name == "PutObject"]
        assert all(given["SSEKMSKeyId"] == "key" and "sha256" in given["Metadata"] for given in put)

    def test_of_what_cannot_be_read_name_the_file(self, cloud, tmp_path):
        with pytest.raises(ConfigurationError, match="nowhere cannot be uploaded: No such file"):
            cloud.storage().upload(tmp_path / "nowhere", f"s3://{BUCKET}/p")

    def test_of_an_empty_folder_send_nothing(self, cloud, tmp_path):
        (tmp_path / "none").mkdir()
        assert cloud.storage().upload(tmp_path / "none", f"s3://{BUCKET}/p") == (0, 0, 0)


class TestAMirror:
    def test_holds_what_the_folder_holds_and_nothing_else(self, cloud, tmp_path):
        (tmp_path / "c").mkdir()
        (tmp_path / "c/step-2").write_text("2")
        cloud.put(**{"ck/step-1": "1", "ckx": "not below"})
        cloud.storage().mirror(tmp_path / "c", f"s3://{BUCKET}/ck")
        assert cloud.keys() == ["ck/step-2", "ckx"]


class TestTheBucket:
    @pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
    def test_is_made_in_the_region_of_the_job(self, cloud, region):
        from harness.storage import S3

        s3 = S3(region=region)
        assert s3.make_bucket("sagemaker-new") is True
        assert s3.make_bucket("sagemaker-new") is False
        where = cloud.client.get_bucket_location(Bucket="sagemaker-new")["LocationConstraint"]
        assert (where or "us-east-1") == region

    def test_in_another_region_is_refused(self, cloud):
        from harness.storage import S3

        with pytest.raises(ConfigurationError, match=r"is in us-east-1, the job in eu-west-1"):
            S3(region="eu-west-1").make_bucket(BUCKET)

    @pytest.mark.parametrize("code", ["403", "AccessDenied"])
    def test_of_somebody_else_is_refused(self, cloud, code):
        from botocore.stub import Stubber

        from harness.storage import S3

        s3 = S3(region="us-east-1")
        with Stubber(s3._client) as stub:
            stub.add_client_error("head_bucket", code, "Forbidden", 403)
            with pytest.raises(ConfigurationError, match="belongs to somebody else"):
                s3.make_bucket(BUCKET)


def test_boto3_is_asked_for_by_name_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingCapability, match=r"pip install 'sagemaker-harness\[remote\]'"):
        Storage(tmp_path).local("s3://bucket/key")
