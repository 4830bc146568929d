"""Recognize files on network file systems, where WAL does not work."""

from __future__ import annotations

import os

_NAMES = """
    nfs nfs3 nfs4 cifs smb smb2 smb3 smbfs ncpfs 9p virtiofs afs ceph lustre gpfs beegfs orangefs
    pvfs2 panfs glusterfs quobyte wekafs vboxsf davfs fuse.sshfs fuse.glusterfs fuse.ceph
    fuse.beegfs fuse.s3fs fuse.rclone fuse.davfs2 fuse.juicefs fuse.quobyte fuse.vmhgfs-fuse
"""
NETWORK = frozenset(_NAMES.split())
"""Kinds of file system on which other hosts may write the same files.

The shared memory of WAL does not work there.
"""
_ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}
"""How the kernel writes special characters of a mount point."""


def network_file_system(path: str, mounts: str = "/proc/self/mountinfo") -> str | None:
    """Return the kind of network file system that holds ``path``.

    None stands for a local file system, and for a system without the list ``mounts``.
    """
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.readlines()
    except OSError:
        return None
    real = os.path.realpath(path)
    longest, kind = -1, ""
    for line in lines:
        fields = line.split(" ")
        try:
            point, found = fields[4], fields[fields.index("-", 6) + 1]
        except (IndexError, ValueError):
            continue
        for code, character in _ESCAPES.items():
            point = point.replace(code, character)
        inside = point == "/" or real == point or real.startswith(point + "/")
        if inside and len(point) >= longest:  # a later mount hides an earlier one at this point
            longest, kind = len(point), found
    return kind if kind in NETWORK else None
