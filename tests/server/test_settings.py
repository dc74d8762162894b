"""What the platform's variables ask of the server."""

from __future__ import annotations

import pytest

from harness.server.settings import Refused, Settings, from_environment, module_name


def test_the_defaults_are_those_of_the_image() -> None:
    settings = from_environment({"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_MODEL_SERVER_WORKERS": "2"})
    assert settings == Settings("train", "/opt/ml/code", "/opt/ml/model", "application/json", workers=2, timeout=60)


def test_every_variable_is_heeded() -> None:
    settings = from_environment(
        {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_BASE_DIR": "/base",
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "3",
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": "5",
            "SAGEMAKER_CONTAINER_LOG_LEVEL": "40",
            "SAGEMAKER_MULTI_MODEL": "",
        }
    )
    assert settings == Settings("inference", "/base/code", "/base/model", "text/csv", 3, 5, 40)


def test_workers_default_to_one_per_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    assert from_environment({"SAGEMAKER_PROGRAM": "x.py"}).workers == 7


@pytest.mark.parametrize("text", ["true", "false", "0", " "])
def test_a_multi_model_container_is_refused_whatever_the_text(text: str) -> None:
    with pytest.raises(Refused, match="SAGEMAKER_MULTI_MODEL is set"):
        from_environment({"SAGEMAKER_PROGRAM": "x.py", "SAGEMAKER_MULTI_MODEL": text})


@pytest.mark.parametrize(("program", "module"), [("train.py", "train"), ("train", "train"), ("a.b.py", "a.b")])
def test_the_module_is_the_scripts_name_without_its_suffix(program: str, module: str) -> None:
    assert module_name(program) == module
