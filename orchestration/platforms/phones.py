"""Phones for platforms that know people by nothing else, read from the night that was built."""

from __future__ import annotations

from collections.abc import Collection

import duckdb
import pyarrow as pa

from orchestration.settings import Settings
from orchestration.warehouse import connect

_AUDIENCE = "select contact_id, phone from activation.sync_vip_audience where phone is not null"
_CONTACTS = """
select contact_id, min(phone_e164)
from marts_private.customer_contacts
semi join wanted using (contact_id)
where phone_e164 is not null
group by contact_id
"""


def audience_phones(settings: Settings) -> dict[str, str]:
    """Phone by contact of everybody in an audience; nobody where no night has been built yet."""
    if not settings.paths.warehouse.exists():
        return {}
    with connect(settings, read_only=True) as connection:
        try:
            return dict(connection.execute(_AUDIENCE).fetchall())
        except duckdb.CatalogException:
            return {}


def phones_of(settings: Settings, contact_ids: Collection[str]) -> dict[str, str]:
    """Phone by contact of these, whether in an audience or no longer; who has none is not in it."""
    with connect(settings, read_only=True) as connection:
        wanted = pa.table({"contact_id": pa.array(sorted(contact_ids), pa.string())})
        connection.register("wanted", wanted)
        return dict(connection.execute(_CONTACTS).fetchall())
