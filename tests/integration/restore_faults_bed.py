# SPDX-FileCopyrightText: Contributors to the community.che collection
# SPDX-License-Identifier: GPL-3.0-or-later

"""An installation whose restores are hit: through an API server's relay, or on the way to its backup server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from integration.che_bed import Cluster, Outcome, installation, new_home
from integration.restore_story import Story
from integration.s3_server import address_for_pods
from integration.server_places import rest
from integration.weak_link import WeakLink


@dataclass(frozen=True)
class Bed:
    """An installation, and its backup on a server behind a link that can be weak.

    Args:
        story: The installation, with the backup that is restored.
        link: What everything on its way to the backup server goes through.
        packs: The files that hold the backup's content, and nothing of safety backups; the largest one, the dump's,
            first.
    """

    story: Story
    link: WeakLink
    packs: Sequence[Path]


@contextmanager
def backed_up(cluster: Cluster, namespace: str, folder: Path) -> Iterator[Bed]:
    """Set up an installation and back it up; both go with the block.

    Args:
        cluster: Where it is set up.
        namespace: The namespace that is made for it.
        folder: An empty folder.
    """
    stored = folder / "server"
    stored.mkdir()
    with rest(address_for_pods(cluster), stored) as place:
        assert place.link is not None
        home = new_home(cluster, namespace, "v1", place.by_url(place.password), size_mb=4)
        home.configure()
        backup = home.run("cluster_backup")["id"]
        packs = [path for path in (stored / "data" / "che" / "data").rglob("*") if path.is_file()]
        story = Story(home, folder, backup, saved=home.proof())
        yield Bed(story, place.link, sorted(packs, key=lambda path: -path.stat().st_size))
        installation.destroy_namespace(cluster, namespace, wait=False)


def restored(story: Story, outcome: Outcome) -> None:
    """Judge a success: it is the whole restored state, and nothing is left behind."""
    assert not outcome.failed, f"{outcome.message} {outcome.result.get('stages')}"
    differences = story.differences(story.saved)
    assert differences == [], outcome.result.get("stages")
    story.is_changed = False
    left = story.leftovers()
    assert left == [], outcome.result.get("stages")
