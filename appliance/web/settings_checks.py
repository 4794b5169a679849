"""Whether the daemon would start with these settings: by the functions it starts with. Blocks."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

from appliance import settings
from appliance.clock import zone_file
from appliance.errors import BadSettings
from appliance.net import proxy
from appliance.net.resolver import Resolver
from appliance.settings import Settings
from appliance.web.language import N_


def wrong(section: str, wanted: Mapping[str, Any], peer: str) -> dict[str, str]:
    """A sentence for each value that cannot be; `peer`: where whoever saves it sits."""
    kind = type(getattr(Settings(), section))
    found = {}
    for name, value in wanted.items():
        complaint = settings.complaint(kind, name, value)
        if complaint.startswith("cannot be"):
            found[name] = N_("This is not in the form that is wanted here.")
        elif complaint:
            found[name] = f"This {complaint}."
        else:
            found[name] = _deeper(section, name, value, peer)
    return {name: sentence for name, sentence in found.items() if sentence}


def _deeper(section: str, name: str, value: Any, peer: str) -> str:
    try:
        if name == "ca_file" and value:
            ssl.create_default_context().load_verify_locations(value)
        elif (section, name) == ("dns", "servers"):
            Resolver(value)
        elif (section, name) == ("office", "time_zone") and value and not zone_file(value):
            return N_("There is no such time zone; it is named like Europe/Berlin.")
        elif (section, name) == ("server", "proxies") and proxy.is_listed(
            peer, proxy.networks(value)
        ):
            return N_("Your own computer would be locked out: a browser sends no PROXY header.")
    except BadSettings as error:
        return str(error).removeprefix(f"{section}.{name}: ")
    except FileNotFoundError:
        return N_("There is no such file on the box.")
    except (OSError, ssl.SSLError):
        return N_("This is no file with authorities as PEM.")
    return ""
