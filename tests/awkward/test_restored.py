# SPDX-License-Identifier: AGPL-3.0-or-later
"""An old backup restored, a cloned card: doubt is raised, nothing acknowledged is lost, residents can write at once."""

from __future__ import annotations

from .cluster import Cluster


async def test_a_cluster_gathers_what_its_towns_write(cluster: Cluster) -> None:
    """The ground that all other tests stand on."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("Jardin partagé")
    await agglomeration.until_finds("Jardin partagé")


async def test_a_backup_restored_pulls_its_tail_and_is_enrolled_again_by_itself(cluster: Cluster) -> None:
    """One honest peer, the agglomeration, holds what the backup does not."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("before the backup")
    await agglomeration.until_finds("before the backup")
    old = town.origin
    await cluster.stop(town)
    kept = cluster.backup(town)
    await cluster.start(town)
    await town.write("after the backup")
    await agglomeration.until_finds("after the backup")
    size = await agglomeration.size(old)
    await cluster.stop(town)
    cluster.put_back(town, kept)

    await cluster.start(town)
    assert town.origin != old
    await town.write("written at once")
    assert (await town.ask("status"))["doubts"]
    await town.until_holds(old, size)
    await agglomeration.until_enrolled(town.origin)
    await agglomeration.until_finds("before the backup", "after the backup", "written at once")
    await town.until_finds("before the backup", "after the backup", "written at once")
