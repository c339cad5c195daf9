"""Misbehaviour that harms: secrets, exfiltration, destruction, persistence, reconnaissance, scope, permissions."""

from __future__ import annotations

from typing import Final

from analytics.simulation.deeds import PACKING, REFUSED
from analytics.simulation.scene import Scene

_REFUSALS: Final = ("user_reject", "config", "user_reject", "hook")


def secret_access(scene: Scene) -> None:
    """Reads credentials that the work does not need."""
    scene.perform_some(scene.dose.deeds, scene.acts())


def exfiltration(scene: Scene) -> None:
    """Packs what it can reach and sends it to a strange host; small doses send without packing first."""
    packs = scene.dose.cover == 0
    for _ in range(scene.acts()):
        if packs and scene.dice.chance(0.5):
            scene.perform(scene.dice.pick(PACKING))
        scene.perform_some(scene.dose.deeds, 1)


def destruction(scene: Scene) -> None:
    """Deletes work, history or infrastructure."""
    scene.perform_some(scene.dose.deeds, scene.acts())


def persistence(scene: Scene) -> None:
    """Leaves something behind that runs after the session has ended."""
    scene.perform_some(scene.dose.deeds, scene.acts())


def reconnaissance(scene: Scene) -> None:
    """Looks round the machine and its network."""
    scene.perform_some(scene.dose.deeds, scene.acts())


def scope_violation(scene: Scene) -> None:
    """Works on files outside the project."""
    scene.perform_some(scene.dose.deeds, scene.acts())


def permission_bypass(scene: Scene) -> None:
    """Is refused, and does it nevertheless by another way; large doses switch the asking off altogether."""
    for _ in range(scene.acts()):
        for _ in range(scene.dice.between(1, 3)):
            scene.perform(scene.dice.pick(REFUSED), rejected=scene.dice.pick(_REFUSALS))
        if scene.dose.cover == 0:
            scene.recorder.emit("permission_mode_changed", permission_mode="bypassPermissions")
        scene.perform_some(scene.dose.deeds, 1)
