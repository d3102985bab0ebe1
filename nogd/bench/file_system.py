"""Which file system a folder lies on: a network drive needs another kind of store than a disk."""

from __future__ import annotations

from pathlib import Path

_MOUNTS = Path("/proc/self/mounts")
_OF_A_NETWORK = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "fuse.ceph-fuse",
        "fuse.davfs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.juicefs",
        "fuse.mfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "pvfs2",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
    }
)


def network_drive(folder: Path) -> str | None:
    """The kind of network drive that a folder lies on, such as "nfs4"; None for any other, and where nobody can say."""
    try:
        lines = _MOUNTS.read_bytes().decode(errors="surrogateescape").splitlines()
    except OSError:  # not Linux
        return None
    place = folder.resolve()
    mounted = [words[1:3] for line in lines if len(words := line.split(" ")) > 2]
    holding = [(_plain(where), kind) for where, kind in mounted if place.is_relative_to(_plain(where))]
    # Of two in one place the later one covers the other.
    _, kind = max(reversed(holding), key=lambda held: len(held[0].parts), default=(place, ""))
    return kind if kind in _OF_A_NETWORK else None


def _plain(where: str) -> Path:
    """A mount point as the table writes it, where spaces and the like are octal."""
    for code in ("040", "011", "012", "134"):
        where = where.replace(f"\\{code}", chr(int(code, 8)))
    return Path(where)
