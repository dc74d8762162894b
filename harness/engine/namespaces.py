"""A private, real ``/opt/ml`` for a child: Linux namespaces, without Docker and without root.

What is done here happens in forked children, and is visible to nobody else:

* ``enter`` leaves the machine's namespaces. An ordinary user may do so inside a user namespace in which every
  id stays what it is; root needs none, and would lose the right to read other people's files.
* ``furnish`` makes the new view of the machine: ``/opt/ml``, channels, ``/etc/hosts``, host name, ``/proc``,
  ``/dev/shm``; without ``~/.aws``, and without a way to write to what the job was made from. A channel is a bind
  mount, which costs the same whether it holds one file or a million.

The kernel forgets it all when the last process inside has ended.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.engine.launcher import HostSpec
from harness.engine.system import Kernel, step

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_WRITTEN = ("HOME", "TMPDIR")
"""Variables with folders that a script has to be able to write to, and what is above them therefore too."""
_TEMPORARY = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 - what tempfile chooses from
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x20, 0x1000, 0x4000, 0x40000


def enter(kernel: Kernel, *, processes: bool, network: bool, share: int | None = None) -> None:
    """Move this process into namespaces of its own.

    Args:
        kernel: the system calls.
        processes: have the next child be process 1 of a new PID namespace.
        network: keep the machine's network; else there is but a loopback, which is brought up.
        share: process whose isolated network is to be entered while it lives, rather than a new one: with
            EnableNetworkIsolation the hosts of a job still reach each other (AWS API, CreateTrainingJob).

    Raises:
        SetupError: the kernel does not grant it.
    """
    flags = _CLONE_NEWNS | _CLONE_NEWUTS | _CLONE_NEWIPC | (_CLONE_NEWPID if processes else 0)
    if share is not None and _join_network(kernel, share):
        with step("creating namespaces"):
            kernel.unshare(flags)
        return
    with step("creating namespaces"):
        _unshare(kernel, flags | (0 if network else _CLONE_NEWNET))
    if not network:
        with step("bringing up the loopback of the isolated network"):
            _bring_up_loopback()


def _join_network(kernel: Kernel, peer: int) -> bool:
    """Enter the network of a process, and the user namespace that rules it; False if it has ended."""
    with step("joining the isolated network of the job"):
        try:
            if not Path(f"/proc/{peer}/ns/user").samefile("/proc/self/ns/user"):
                kernel.join(f"/proc/{peer}/ns/user")
            kernel.join(f"/proc/{peer}/ns/net")
        except FileNotFoundError:
            return False
    return True


def _unshare(kernel: Kernel, flags: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0 and _unshare_as_root(kernel, flags):
        return
    kernel.unshare(flags | _CLONE_NEWUSER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")


def _unshare_as_root(kernel: Kernel, flags: int) -> bool:
    try:
        kernel.unshare(flags)
    except PermissionError:  # root in a container, without CAP_SYS_ADMIN
        return False
    return True


def _write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def _bring_up_loopback() -> None:
    import fcntl
    import socket
    import struct

    get_flags, set_flags, up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, get_flags, request))
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", flags | up))


def furnish(kernel: Kernel, spec: HostSpec, *, processes: bool) -> None:
    """Make the host's view of the machine, in namespaces that were entered before.

    Args:
        kernel: the system calls.
        spec: the host. Of its mounts, targets inside the tree are made if they are missing.
        processes: this is process 1 of a PID namespace, which gets a ``/proc`` of its own.

    Raises:
        SetupError: naming the step that failed.
    """
    with step("making mounts private"):
        kernel.mount("none", "/", flags=_MS_REC | _MS_PRIVATE)
    if processes:
        with step("mounting /proc"):
            kernel.mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    # Everything is opened before anything is covered: sources may lie where something is about to be mounted.
    tree = _open(spec.tree)
    sources = [_open(mount.source) for mount in spec.mounts]
    make_targets(spec)
    _protect(kernel, spec)
    if spec.base_dir != str(spec.tree):
        with step(f"mounting {spec.base_dir}"):
            _put_beside_what_is_there(kernel, tree, spec.base_dir)
    with step("mounting /dev/shm"):
        kernel.mount("tmpfs", "/dev/shm", "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=1777")  # noqa: S108
    with step("mounting /etc/hosts"):
        # A mounted file does not need its name any more.
        name = Path("/dev/shm/hosts")  # noqa: S108
        name.write_text(hosts_file(spec.hosts), "utf-8")
        kernel.mount(str(name), "/etc/hosts", flags=_MS_BIND)
        name.unlink()
    for mount, source in zip(spec.mounts, sources, strict=True):
        with step(f"mounting {mount.source} as {mount.target}"):
            _bind(kernel, source, mount.target)
    with step("making channels read-only"):
        _forbid_writing(kernel, [mount.target for mount in spec.mounts if mount.read_only])
    with step(f"naming the host {spec.name}"):
        kernel.set_host_name(spec.name)
    for file in (tree, *sources):
        os.close(file)


def _protect(kernel: Kernel, spec: HostSpec) -> None:
    """Keep the command from what the user has and AWS has not: credentials, and names that lead to the originals."""
    written = [os.path.realpath(spec.environment[name]) for name in _WRITTEN if spec.environment.get(name)]
    originals = {os.path.realpath(each) for each in spec.protected if os.access(each, os.R_OK)}
    paths = [path for path in originals if not any(_is_within(each, path) for each in (*written, *_TEMPORARY))]
    for path in paths:
        with step(f"mounting {path} at its own place"):
            kernel.mount(path, path, flags=_MS_BIND | _MS_REC)
    with step("making source and data read-only"):
        _forbid_writing(kernel, paths)
    aws = Path.home() / ".aws"
    if not spec.credentials and os.access(f"{aws}/", os.X_OK):
        with step(f"hiding {aws}"):
            kernel.mount("tmpfs", str(aws), "tmpfs", _MS_RDONLY | _MS_NOSUID | _MS_NODEV, "mode=755")


def _open(path: Path) -> int:
    with step(f"opening {path}"):
        if not os.access(path, os.R_OK):
            path.stat()  # says so if it does not exist
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return os.open(path, os.O_PATH)


def _bind(kernel: Kernel, source: int, target: str, name: str = "") -> None:
    kernel.mount(f"/proc/self/fd/{source}/{name}".rstrip("/"), target, flags=_MS_BIND | _MS_REC)


def _put_beside_what_is_there(kernel: Kernel, tree: int, base_dir: str) -> None:
    """Cover the parent of ``base_dir`` by a folder in memory that holds the tree and all that was there."""
    parent, own = os.path.split(base_dir)
    covered = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    kernel.mount("tmpfs", parent, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755")
    Path(base_dir).mkdir()
    _bind(kernel, tree, base_dir)
    with os.scandir(covered) as entries:
        for entry in entries:
            target = Path(parent, entry.name)
            if entry.name == own:
                continue
            if entry.is_symlink():
                target.symlink_to(os.readlink(entry.name, dir_fd=covered))
                continue
            if entry.is_dir():
                target.mkdir()
            else:
                target.touch()
            _bind(kernel, covered, str(target), entry.name)
    os.close(covered)


def _forbid_writing(kernel: Kernel, targets: Sequence[str]) -> None:
    for point in _mounts_at(targets):
        # A user namespace may not drop the restrictions that the machine's own mount has.
        kept = os.statvfs(point).f_flag & (_MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
        kernel.mount("none", point, flags=_MS_REMOUNT | _MS_BIND | _MS_RDONLY | kept)


def _mounts_at(targets: Sequence[str]) -> Iterator[str]:
    """The mounts on ``targets`` and those below them, which a bind mount brings along: proc_pid_mountinfo(5)."""
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines() if targets else ():
        point = line.split(b" ", 5)[4]
        if b"\\" in point:
            point = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), point)
        if any(_is_within(os.fsdecode(point), target) for target in targets):
            yield os.fsdecode(point)


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def make_targets(spec: HostSpec) -> None:
    """Make the files and folders of the tree on which something will be mounted."""
    for mount in spec.mounts:
        target = in_tree(spec, mount.target)
        if target is None:
            continue
        with step(f"making {target}"):
            if mount.source.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.touch()


def in_tree(spec: HostSpec, target: str) -> Path | None:
    """Where in the host's tree a path of the host lies; None if elsewhere."""
    inside = os.path.relpath(target, spec.base_dir)
    return None if inside.startswith("..") else spec.tree / inside


def hosts_file(hosts: Sequence[str]) -> str:
    """``/etc/hosts`` of a job whose hosts share this machine: each has a loopback address of its own."""
    lines = [("127.0.0.1", "localhost"), ("::1", "localhost ip6-localhost ip6-loopback")]
    lines += [(f"127.0.{number >> 8}.{number & 255}", host) for number, host in enumerate(hosts, 1)]
    return "".join(f"{address}\t{name}\n" for address, name in lines)
