"""Hosts as containers of a Docker engine: an image's own ``train``, ``serve`` or whatever a job names.

The environment is the image's with the host's on top; ``/opt/ml`` is the host's tree; the first process is process 1,
with all that this means for signals. A job of several hosts has a network of its own; one without network has none.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness.engine.container_errors import has_ended, lost, refused
from harness.engine.container_limits import no_limits, volume, within
from harness.engine.hosts import LONGEST_LINE
from harness.engine.image import resolve
from harness.engine.instances import hardware
from harness.engine.launcher import HostSpec, LaunchError
from harness.engine.leftovers import labels, remove_leftovers, remove_network
from harness.engine.namespaces import in_tree
from harness.engine.ownership import Owner, give_back
from harness.engine.store import Job
from harness.engine.system import close
from harness.images import trust
from harness.images.engine import connect, explanation

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.types.daemon import CancellableStream

LOOPBACK = "127.0.0.1"


def open_launcher(
    job: Job, image: str, instance_type: str | None = None, *, gibibytes: int | None = None
) -> ContainerLauncher:
    """The launcher of a job, after what killed jobs left in the engine has been removed.

    Args:
        job: whose containers they will be.
        image: as the request names it.
        instance_type: whose CPUs and memory hosts get, as far as the engine's machine has them; None: no limits.
        gibibytes: what hosts may write outside ``/opt/ml``, as far as the engine keeps to it; None: what there is.

    Raises:
        MissingCapability: there is no engine, or no such image.
    """
    client = connect()
    try:
        remove_leftovers(client)
        image, limits, unkept = resolve(client, image), {}, {}
        if instance_type or gibibytes:
            info = client.api.info()
            limits = within(hardware(instance_type) if instance_type else None, info)
            unkept["InstanceType"] = instance_type and no_limits(info)
        if gibibytes:
            kept, unkept["VolumeSizeInGB"] = volume(client, image, gibibytes, info)
            limits |= kept
        reasons = {member: reason for member, reason in unkept.items() if reason}
        return ContainerLauncher(client, job, image, limits, unkept=reasons)
    except BaseException:
        client.close()
        raise


class ContainerLauncher:
    """Starts hosts as containers; ``Launcher``. It never forks, and each host has a thread that listens to it.

    Attributes:
        base_dir: ``/opt/ml``.
        image: the image's name.
        out_of_memory: the hosts that the kernel has ended, wholly or in part, for want of memory.
        unkept: members of the request that hosts are not kept to, each with the reason.
    """

    base_dir: str | None = "/opt/ml"
    reason: str | None = None

    def __init__(
        self,
        client: DockerClient,
        job: Job,
        image: str,
        limits: dict[str, Any] | None = None,
        *,
        unkept: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Nothing starts yet.

        Args:
            client: the engine; it stays open, since hosts may come after the last one has ended.
            job: whose containers they will be.
            image: one that the engine has.
            limits: settings for every container: ``mem_limit``, ``nano_cpus``, ….
            unkept: see the attribute.
        """
        self.image = image
        self.unkept = unkept
        self.out_of_memory: set[str] = set()
        self.owner = Owner.current()
        """Who gets what the hosts have written."""
        self._client, self._job, self._limits = client, job, limits or {}
        self._network: str | None = None
        self._addresses: dict[str, str] = {}
        self._running = 0
        self._written: list[Path] = []

    def start(self, spec: HostSpec) -> ContainerHost:
        """Create and start a container; see ``Launcher.start``."""
        import docker.errors

        self._running += 1
        container: str | None = None
        try:
            for mount in spec.mounts:
                _make_mount_point(spec, mount.source, mount.target)
            # Only who has network talks to a package index.
            trusted = trust.archive(bundle) if spec.network and (bundle := trust.ca_bundle()) else None
            container = self._create(spec)
            if trusted:
                self._client.api.put_archive(container, "/", trusted)
            host = ContainerHost(self, self._client, spec.name, container)
        except docker.errors.DockerException as error:
            if container:
                with suppress(docker.errors.DockerException):
                    self._client.api.remove_container(container, force=True, v=True)
            self._ended(spec.name)
            raise refused(spec.name, explanation(error)) from None
        except BaseException:
            self._ended(spec.name)
            raise
        self._written += [spec.tree, *(mount.source for mount in spec.mounts if not mount.read_only)]
        return host

    def _create(self, spec: HostSpec) -> str:
        api = self._client.api
        network, host_network = self._networks(spec)
        created = api.create_container(
            self.image,
            command=list(spec.command) or None,
            entrypoint=list(spec.entrypoint) if spec.entrypoint is not None else None,
            environment=dict(spec.environment),
            hostname=spec.name,
            working_dir=spec.cwd or None,
            labels=labels(self._job, spec.name),
            name=_unique(f"{self._job.name}-{spec.name}"),
            ports=list(spec.ports),
            networking_config=network,
            host_config=api.create_host_config(
                mounts=list(_mounts(spec)),
                # Without network there is no way to a port of this machine; Podman would make one that leads nowhere.
                port_bindings={port: (LOOPBACK, ours or None) for port, ours in spec.ports.items() if spec.network},
                # The output is read as it comes and kept by us; the engine need not keep it too.
                log_config={"Type": "none"},
                # Where SELinux guards the machine, it would keep the container out of the user's folders.
                security_opt=["label=disable"],
                **host_network,
                **self._limits,
            ),
        )
        return str(created["Id"])

    def _networks(self, spec: HostSpec) -> tuple[Any, dict[str, Any]]:
        """How a host is joined to others: its endpoint in the job's network, and its own network settings."""
        api = self._client.api
        if len(spec.hosts) == 1 and not (spec.ports and not spec.network):
            if spec.network:
                return None, {}
            return None, {"network_mode": "none", "extra_hosts": {spec.name: LOOPBACK}}
        if self._network is None:
            self._make_network(spec)
        assert self._network is not None
        endpoint = api.create_endpoint_config(aliases=[spec.name], ipv4_address=self._addresses[spec.name])
        settings = {"network_mode": self._network, "extra_hosts": self._addresses}
        return api.create_networking_config({self._network: endpoint}), settings

    def _make_network(self, spec: HostSpec) -> None:
        """A network whose hosts have fixed addresses, so that a name still resolves when its host has ended.

        The toolkit looks for every host before it runs the script, for up to 15 minutes, and the engine forgets the
        name of a container that has ended. Addresses can be given only in a subnet that was asked for by name: the
        engine chooses one, and is then asked for just that.
        """
        import ipaddress

        import docker.types

        api = self._client.api
        options = {"labels": labels(self._job), "internal": not spec.network, "check_duplicate": True}
        chosen = str(api.create_network(_unique(self._job.name), **options)["Id"])
        try:
            subnet = api.inspect_network(chosen)["IPAM"]["Config"][0]["Subnet"]
        finally:
            api.remove_network(chosen)
        pools = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=subnet)])
        made = api.create_network(_unique(self._job.name), ipam=pools, **options)
        self._network = str(made["Id"])
        # The first address is the subnet's own, the second the gateway's.
        addresses = ipaddress.ip_network(subnet)
        self._addresses = {name: str(addresses[index]) for index, name in enumerate(spec.hosts, 2)}

    def _ended(self, name: str, out_of_memory: bool = False) -> None:
        """A host's container is gone; with the last one goes what they shared."""
        if out_of_memory:
            self.out_of_memory.add(name)
        self._running -= 1
        if self._running:
            return
        if self._network:
            remove_network(self._client, self._network)
            self._network = None
        written, self._written = self._written, []
        give_back(self._client, self.image, written, self.owner, labels(self._job))


class ContainerHost:
    """A started container; see ``RunningHost``."""

    def __init__(self, launcher: ContainerLauncher, client: DockerClient, name: str, container: str) -> None:
        """Start a container that has been created, listening to it from its first byte on.

        Raises:
            docker.errors.DockerException: it cannot be started.
        """
        self.name = name
        self._launcher, self._client, self._container = launcher, client, container
        self._state: dict[str, Any] = {}
        self._lost: str | None = None
        self._closed = False
        stream = client.api.attach(container, stdout=True, stderr=True, stream=True, demux=True)
        try:
            client.api.start(container)
        except BaseException:
            _end(stream)
            raise
        self._output, output = os.pipe()
        self._exited, exited = os.pipe()
        self._thread = threading.Thread(
            target=self._listen, args=(stream, output, exited), name=f"listen-{name}", daemon=True
        )
        self._thread.start()

    @property
    def output(self) -> int:
        """What the container prints: whole lines of stdout and of stderr, in the order in which the engine has them."""
        return self._output

    @property
    def exited(self) -> int:
        """Readable when the container has ended and all that it printed is in ``output``."""
        return self._exited

    def exit_code(self) -> int:
        """How the first process ended: 0–255; 128 + *n* if signal *n* ended it, as the engine says it.

        Raises:
            LaunchError: the engine has been lost.
        """
        self._thread.join()
        if self._lost:
            raise lost(self.name, self._lost)
        return int(self._state["ExitCode"])

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel has ended a process of the container for want of memory."""
        return bool(self._state.get("OOMKilled"))

    def address(self, port: int) -> tuple[str, int]:
        """Where this machine reaches a port of ``HostSpec.ports``: on the loopback, or inside an isolated network.

        Raises:
            LaunchError: the container has ended.
        """
        network = self._client.api.inspect_container(self._container)["NetworkSettings"]
        for binding in (network["Ports"] or {}).get(f"{port}/tcp") or ():
            return binding["HostIp"], int(binding["HostPort"])
        for endpoint in network["Networks"].values():
            if endpoint["IPAddress"]:
                return endpoint["IPAddress"], port
        raise LaunchError(f"Host {self.name} cannot be reached at port {port}: it has ended")

    def terminate(self) -> None:
        """SIGTERM to process 1, which discards it unless it has a handler: the kernel's rule."""
        self._signal("SIGTERM")

    def kill(self) -> None:
        """End the container now."""
        self._signal("SIGKILL")

    def close(self) -> None:
        """Kill what still runs, and remove the container with all that was made for it. May be called twice.

        Raises:
            LaunchError: the engine has been lost, or what the container wrote is still root's.
        """
        if self._closed:
            return
        self._closed = True
        os.close(self._output)  # whoever still writes is not waited for
        try:
            self._remove()
        except OSError as error:  # requests' and docker's errors are OSErrors
            raise lost(self.name, explanation(error)) from None

    def _remove(self) -> None:
        import docker.errors

        try:
            with suppress(docker.errors.NotFound):
                self._client.api.remove_container(self._container, force=True, v=True)
            self._thread.join()
        finally:
            os.close(self._exited)
            self._launcher._ended(self.name, self.out_of_memory)

    def _signal(self, name: str) -> None:
        import docker.errors

        try:
            self._client.api.kill(self._container, name)
        except docker.errors.APIError as error:
            if not has_ended(error):
                raise

    def _listen(self, stream: CancellableStream, output: int, exited: int) -> None:
        """In a thread: pass on what the container prints, then wait for its end."""
        try:
            _copy(stream, output)
            self._client.api.wait(self._container, timeout=None)
            self._state = self._client.api.inspect_container(self._container)["State"]
        except Exception as error:
            self._lost = " ".join(str(error).split())
        finally:
            _end(stream)
            close(output, exited)


def _copy(stream: Iterable[tuple[bytes | None, bytes | None]], output: int) -> None:
    """Pass on stdout and stderr, each in whole lines: they come by two ways, and one may overtake the other."""
    partial = [b"", b""]
    for pieces in stream:
        for number, data in enumerate(pieces):
            if data:
                whole, end, rest = (partial[number] + data).rpartition(b"\n")
                if len(rest) > LONGEST_LINE:
                    whole, end, rest = whole + end + rest, b"", b""
                partial[number] = rest
                _write(output, whole + end)
    for rest in partial:
        _write(output, rest)


def _write(output: int, data: bytes) -> None:
    with suppress(BrokenPipeError):  # nobody reads any more; the container must not be held up for it
        while data:
            data = data[os.write(output, data) :]


def _end(stream: CancellableStream) -> None:
    # Its own close() leaves the connection's file descriptor to the garbage collector, and knows no ssh.
    stream._response.close()


def _unique(name: str) -> str:
    """A name for the engine that nothing has yet; the endpoint that an update makes has an ``@`` in its own."""
    return f"{name.replace('@', '-')}-{secrets.token_hex(4)}"


def _mounts(spec: HostSpec) -> Iterable[Any]:
    from docker.types import Mount

    yield Mount(spec.base_dir, str(spec.tree.absolute()), type="bind")
    for mount in spec.mounts:
        yield Mount(mount.target, str(mount.source.absolute()), type="bind", read_only=mount.read_only)


def _make_mount_point(spec: HostSpec, source: Path, target: str) -> None:
    """Where a mount inside the tree will lie; the engine would make it too, but as root's."""
    place = in_tree(spec, target)
    if place is None or place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.mkdir() if source.is_dir() else place.touch()
