"""Which farm is meant, and the token for it: what a script says, the environment, then the preferences."""

import os
from typing import Any, NamedTuple, Optional

import bpy

from . import home
from .farm.client import Client
from .farm.errors import USAGE, FarmError
from .farm.http import normal_url


class Farm(NamedTuple):
    name: str
    url: str
    token: str

    def client(self) -> Client:
        home.require_online()
        return Client(self.url, self.token)


def preferences() -> Optional[Any]:
    """The add-on's preferences; None while it is only loaded by a script."""
    addon = bpy.context.preferences.addons.get(home.PACKAGE)
    return None if addon is None else addon.preferences


def chosen(name: str = "") -> Farm:
    """A farm by its name or address; without one the environment's or the one that is active in the preferences.

    Raises FarmError where there is none.
    """
    from_environment = os.environ.get("TILEWORK_URL", "")
    known = preferences()
    farms = [] if known is None else list(known.farms)
    if not name and from_environment:
        name = from_environment
    if not name:
        if known is None or not 0 <= known.active_farm < len(farms):
            raise FarmError(
                "no_farm",
                "No farm is named: add one in Preferences › Add-ons › Tilework, or set TILEWORK_URL and TILEWORK_TOKEN",
                USAGE,
            )
        return of(farms[known.active_farm])
    for farm in farms:
        if name == farm.name or (farm.address and _same(name, farm.address)):
            found = of(farm)
            token = os.environ.get("TILEWORK_TOKEN", "") if name == from_environment else ""
            return found._replace(token=token or found.token)
    if "/" not in name and "." not in name and ":" not in name:
        raise FarmError("no_farm", f"There is no farm named “{name}” in the preferences", USAGE)
    return Farm(name, normal_url(name), os.environ.get("TILEWORK_TOKEN", ""))


def by_url(url: str) -> Farm:
    """The farm that work was begun with, with the token that the preferences or the environment have for it now."""
    try:
        return chosen(url)
    except FarmError:
        return Farm(url, url, "")


def of(farm: Any) -> Farm:
    return Farm(farm.name, normal_url(farm.address), farm.token.strip())


def _same(one: str, other: str) -> bool:
    try:
        return normal_url(one) == normal_url(other)
    except FarmError:
        return False
