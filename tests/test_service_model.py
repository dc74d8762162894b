"""The extract of AWS's own service model."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import botocore
import botocore.session
import pytest

from harness import service_model
from harness.service_model import OPERATIONS, InstalledBotocore, ServiceModel


@pytest.fixture(scope="module")
def installed() -> InstalledBotocore:
    found = service_model.installed_botocore()
    assert found is not None
    return found


@pytest.fixture
def other_botocore(installed: InstalledBotocore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstalledBotocore:
    """A botocore of another version, that knows a training instance type which the real one does not."""
    service = json.loads(gzip.decompress(installed.service_file.read_bytes()))
    service["shapes"]["TrainingInstanceType"]["enum"].append("ml.m99.large")
    data = tmp_path / "site" / "botocore" / "data" / "sagemaker" / "2017-07-24"
    data.mkdir(parents=True)
    (data / "service-2.json").write_text(json.dumps(service))
    (tmp_path / "site" / "botocore" / "__init__.py").write_text("__version__ = '0.0.7'\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "botocore")
    other = service_model.installed_botocore()
    assert other is not None
    return other


def test_the_shipped_extract_is_what_the_botocore_it_names_gives(installed: InstalledBotocore) -> None:
    shipped = service_model.SHIPPED.read_text("utf-8")
    if json.loads(shipped)["botocore"] != installed.version:
        pytest.fail(
            f"shipped from {json.loads(shipped)['botocore']}, but {installed.version} is installed: "
            "run `python -m harness.service_model`"
        )
    assert shipped == service_model.serialise(service_model.extract(installed))


def test_the_installed_botocore_is_found_as_it_names_itself(installed: InstalledBotocore) -> None:
    assert installed.version == botocore.__version__


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_shape_of_an_operation_is_botocores_own(operation: str) -> None:
    model = service_model.load()
    described = botocore.session.get_session().get_service_model("sagemaker").operation_model(operation)
    assert_same(model, model.input_of(operation), described.input_shape, set())
    if described.output_shape is None:
        assert model.output_of(operation) is None
    else:
        assert_same(model, model.output_of(operation), described.output_shape, set())


def assert_same(model: ServiceModel, name: str, theirs, seen: set[str]) -> None:
    if name in seen:
        return
    seen.add(name)
    ours = model.shapes[name]
    assert ours["type"] == theirs.type_name
    assert {key: ours.get(key) for key in ("min", "max", "pattern")} == {
        key: theirs.metadata.get(key) for key in ("min", "max", "pattern")
    }
    assert ours.get("enum", []) == theirs.metadata.get("enum", [])
    if ours["type"] == "structure":
        assert ours.get("required", []) == theirs.required_members
        assert set(ours["members"]) == set(theirs.members)
        for member, below in theirs.members.items():
            assert_same(model, ours["members"][member], below, seen)
    elif ours["type"] == "list":
        assert_same(model, ours["member"], theirs.member, seen)
    elif ours["type"] == "map":
        assert_same(model, ours["key"], theirs.key, seen)
        assert_same(model, ours["value"], theirs.value, seen)


def test_an_installed_botocore_of_another_version_is_used_instead(
    other_botocore: InstalledBotocore, tmp_path: Path
) -> None:
    model = service_model.load(tmp_path / "cache")
    assert model.version == "0.0.7"
    assert "ml.m99.large" in model.shapes["TrainingInstanceType"]["enum"]


def test_another_botocore_is_extracted_once(other_botocore: InstalledBotocore, tmp_path: Path) -> None:
    first = service_model.load(tmp_path / "cache")
    other_botocore.service_file.write_text("not read again")
    assert service_model.load(tmp_path / "cache") == first


@pytest.mark.slow
def test_a_damaged_cache_is_made_anew(other_botocore: InstalledBotocore, tmp_path: Path) -> None:
    intact = service_model.load(tmp_path / "cache")
    [cached] = (tmp_path / "cache").glob("*.json")
    cached.write_text(cached.read_text()[:1000])
    assert service_model.load(tmp_path / "cache") == intact
    assert json.loads(cached.read_text())["botocore"] == "0.0.7"


def test_a_cache_that_lacks_an_operation_is_not_trusted(other_botocore: InstalledBotocore, tmp_path: Path) -> None:
    intact = service_model.load(tmp_path / "cache")
    [cached] = (tmp_path / "cache").glob("*.json")
    document = json.loads(cached.read_text())
    del document["operations"]["AddTags"]
    cached.write_text(json.dumps(document))
    assert service_model.load(tmp_path / "cache") == intact


def test_a_cache_that_cannot_be_written_is_done_without(other_botocore: InstalledBotocore, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert service_model.load(tmp_path / "file" / "cache").version == "0.0.7"


def test_without_botocore_the_shipped_extract_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_model, "installed_botocore", lambda: None)
    model = service_model.load()
    assert set(model.operations) == set(OPERATIONS)


def test_an_operation_that_a_botocore_does_not_know_is_refused_by_name(
    installed: InstalledBotocore, tmp_path: Path
) -> None:
    service = json.loads(gzip.decompress(installed.service_file.read_bytes()))
    del service["operations"]["CreateModel"]
    file = tmp_path / "service-2.json"
    file.write_text(json.dumps(service))
    document = service_model.extract(InstalledBotocore("0.0.1", file))
    model = ServiceModel(document["botocore"], document["operations"], document["shapes"])
    with pytest.raises(LookupError, match=r"botocore 0\.0\.1 has no operation CreateModel"):
        model.input_of("CreateModel")


def test_loading_and_validating_import_no_botocore() -> None:
    program = (
        "import sys; from harness import service_model, validation; "
        "validation.validate('CreateTrainingJob', {}, model=service_model.load()); "
        "print([name for name in sys.modules if name.split('.')[0] in ('botocore', 'boto3')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
