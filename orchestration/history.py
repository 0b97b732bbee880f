"""Dagster's event log of a night, written the cheap way.

The files and their content are Dagster's own, and `dagster dev` reads them like any other; only how
often they are opened differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

_BUSY_SECONDS = 30


class NightlyEventLog(SqliteEventLogStorage):
    """One engine a file for the life of the process, where Dagster makes one for each event.

    A night has thousands of events. A new engine compiles each statement anew, and SQLite folds its
    log into the file whenever the last connection closes. Writing does not wait for the disk
    either: a power cut may cost the last events, never their order. What was sent is kept by the
    ledger, which is spared nothing.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open the log below `base_dir`, as Dagster does."""
        self._engines: dict[str, Engine] = {}
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: dict[str, Any]
    ) -> NightlyEventLog:
        """Make one from the settings of a Dagster instance."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engines.get(shard)
            if engine is None:
                engine = self._engines[shard] = create_engine(
                    self.conn_string_for_shard(shard),
                    poolclass=QueuePool,
                    pool_size=1,
                    max_overflow=-1,
                    connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
                )
                event.listen(engine, "connect", _trust_the_log)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def dispose(self) -> None:
        """Close what is open."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


def _trust_the_log(connection: Any, _: object) -> None:
    connection.execute("pragma synchronous = normal")
