"""``harness image``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from harness.cli import console
from harness.cli.options import configure, settings
from harness.config import Config
from harness.images import IMAGES, image_uri, trust
from harness.images import build as building
from harness.images.engine import engine


@click.group("image", epilog="Example: harness image build")
def command() -> None:
    """The image of `--on container`: build the local one, or pull AWS's own."""


def _options(function: Any) -> Any:
    as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
    file = click.option(
        "--config", "config_file", type=click.Path(dir_okay=False, path_type=Path), help="File with [tool.harness]."
    )
    return settings(("framework_version", "region", "profile"))(file(as_json(function)))


@command.command("build", epilog="Example: harness image build --wheels wheels/")
@click.option(
    "--wheels",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of wheels to install from, where a container cannot reach the package index.",
)
@click.option(
    "--ca-bundle",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificates to trust the package index by. Default: PIP_CERT, SSL_CERT_FILE or REQUESTS_CA_BUNDLE.",
)
@click.option(
    "--keep-stage",
    is_flag=True,
    help="Leave what the packages were installed in, a gigabyte: the next build from the same pins takes seconds.",
)
@click.option(
    "--context",
    type=click.Path(file_okay=False, path_type=Path),
    help="Build nothing; leave in this folder what any builder of images can build from.",
)
@_options
def _build(
    wheels: Path | None,
    ca_bundle: Path | None,
    keep_stage: bool,
    context: Path | None,
    config_file: Path | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Build the local image, unless it is there.

    It has AWS's pins, AWS's toolkit and the harness's model server. DOCKER_BUILDKIT=1 has BuildKit build it.
    """
    version = configure(config_file, flags).framework_version
    if context is not None:
        building.write_context(version, context)
        _tell({"Image": building.tag(version), "Context": str(context)}, as_json)
        return
    start, name = time.monotonic(), building.tag(version)
    with engine() as client:
        built = not building.exists(client, name)
        if built:
            click.echo(f"building {name}: this takes a minute or two, once", err=True)
            with _Ticker() as ticker:
                bundle = ca_bundle or trust.ca_bundle()
                building.build(client, version, wheels=wheels, ca_bundle=bundle, keep_stage=keep_stage, progress=ticker)
    _tell({"Image": name, "Built": built, "Seconds": round(time.monotonic() - start, 1)}, as_json)


@command.command("pull", epilog="Example: harness image pull --region eu-west-1")
@_options
def _pull(config_file: Path | None, as_json: bool, **flags: Any) -> None:
    """Pull AWS's own image; needs AWS credentials of any account."""
    from harness.images.pull import pull

    config = configure(config_file, flags)
    start = time.monotonic()
    with engine() as client, _Ticker() as ticker:
        name = pull(client, config.framework_version, region=_region(config), profile=config.profile, progress=ticker)
    _tell({"Image": name, "Seconds": round(time.monotonic() - start, 1)}, as_json)


@command.command("show", epilog="Example: harness image show --framework-version 1.9-0")
@_options
def _show(config_file: Path | None, as_json: bool, **flags: Any) -> None:
    """Tell what an image holds.

    That is what the image of a framework version is made of, its names here and on AWS, and which of the two are here.
    """
    config = configure(config_file, flags)
    version = config.framework_version
    names = {"AWS": image_uri(version, _region(config))}
    if version in building.versions():
        names["Local"] = building.tag(version)
    with engine() as client:
        present = {place: building.exists(client, name) for place, name in names.items()}
    document = {
        "FrameworkVersion": version,
        "Image": names,
        "Present": present,
        **({"Contents": IMAGES[version]._asdict()} if version in IMAGES else {}),
    }
    if as_json:
        console.print_json(document)
        return
    rows = [(place.lower(), f"{name}  {'here' if present[place] else 'not here'}") for place, name in names.items()]
    if version in IMAGES:
        image = IMAGES[version]
        rows += [("python", image.python or "unknown"), ("scikit-learn", image.scikit_learn), ("numpy", image.numpy)]
        rows += [("sagemaker-training", image.toolkit)]
    console.show_rows(rows)


@command.command("prune", epilog="Example: harness image prune")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def _prune(as_json: bool) -> None:
    """Remove local images that are not used any more.

    Those are the ones of other versions of the harness. AWS's own are left alone.
    """
    from harness.images.prune import prune

    with engine() as client:
        pruned = prune(client)
    for name, reason in pruned.kept.items():
        click.echo(f"{name} stays: {reason}", err=True)
    if as_json:
        console.print_json({"Removed": pruned.removed, "Kept": pruned.kept})
    else:
        click.echo("\n".join(pruned.removed) or "nothing to remove", err=not pruned.removed)


def _region(config: Config) -> str:
    return config.region or "us-east-1"


def _tell(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        console.print_json(document)
    else:
        click.echo(document["Image"])


class _Ticker:
    """A builder's lines, each in the place of the one before, where a terminal shows them; nothing in a pipe."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> _Ticker:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def __call__(self, line: str) -> None:
        if self._terminal:
            import shutil

            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write("\r\x1b[K" + "".join(filter(str.isprintable, line))[:width])
            sys.stderr.flush()
