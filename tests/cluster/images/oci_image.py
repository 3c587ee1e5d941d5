# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write an OCI image archive to standard output: oci_image.py NAME CONFIG LAYER...

NAME is the image's public name with its tag, CONFIG a JSON file with what the image specification calls
`config` (Entrypoint, Cmd, Env, User ...), each LAYER an uncompressed tar file, from the bottom up. Layers stay
uncompressed, as the archive only goes through a pipe. Format: https://github.com/opencontainers/image-spec
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import sys
import tarfile
from pathlib import Path
from typing import Any

MEDIA = "application/vnd.oci.image"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def digest_of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"


class Archive:
    """A tar stream of blobs, each under its digest."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def add(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        self._tar.addfile(member, io.BytesIO(content))

    def add_json(self, media: str, content: dict[str, Any]) -> dict[str, Any]:
        """Add a document; return its descriptor."""
        data = json.dumps(content, sort_keys=True).encode()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.add(blob_name(digest), data)
        return {"mediaType": f"{MEDIA}.{media}", "digest": digest, "size": len(data)}

    def add_layer(self, path: Path) -> dict[str, Any]:
        """Add a layer; return its descriptor."""
        digest = digest_of_file(path)
        self._tar.add(path, blob_name(digest))
        return {"mediaType": f"{MEDIA}.layer.v1.tar", "digest": digest, "size": path.stat().st_size}


def blob_name(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def write_image(archive: Archive, name: str, config: dict[str, Any], layers: list[Path]) -> None:
    descriptors = [archive.add_layer(path) for path in layers]
    image = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [descriptor["digest"] for descriptor in descriptors]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA}.manifest.v1+json",
        "config": archive.add_json("config.v1+json", image),
        "layers": descriptors,
    }
    descriptor = archive.add_json("manifest.v1+json", manifest)
    descriptor["annotations"] = {"io.containerd.image.name": name}
    archive.add("index.json", json.dumps({"schemaVersion": 2, "manifests": [descriptor]}).encode())
    archive.add("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')


def main() -> None:
    name, config, *layers = sys.argv[1:]
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
        write_image(Archive(tar), name, json.loads(Path(config).read_text()), [Path(layer) for layer in layers])


if __name__ == "__main__":
    main()
