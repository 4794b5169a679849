"""appliance.db is changed by the daemon and by commands at the same time."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.errors import StorageOffline


def test_two_programs_that_read_and_then_write_wait_for_each_other(tmp_path: Path) -> None:
    databases = [AccountsDatabase(tmp_path), AccountsDatabase(tmp_path)]
    with databases[0].change() as db:
        db.create_table("numbers", {"id": int, "value": int}, pk="id")
        db.table("numbers").insert({"id": 1, "value": 0})
    failures: list[StorageOffline] = []

    def count(database: AccountsDatabase) -> None:
        for _ in range(100):
            try:
                with database.change() as db:
                    value = db.execute("select value from numbers").fetchone()[0]
                    db.execute("update numbers set value = ?", [value + 1])
            except StorageOffline as error:
                failures.append(error)

    threads = [threading.Thread(target=count, args=(each,)) for each in databases]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failures == []
    with databases[1].change() as db:
        assert db.execute("select value from numbers").fetchone()[0] == 200
    for each in databases:
        each.close()


def test_a_change_within_a_change_is_part_of_it(tmp_path: Path) -> None:
    database = AccountsDatabase(tmp_path)

    def fail() -> None:
        with database.change() as outer:
            outer.create_table("things", {"id": int})
            with database.change() as inner:
                inner.table("things").insert({"id": 1})
            raise ValueError("undo it")

    with pytest.raises(ValueError, match="undo it"):
        fail()
    with database.change() as db:
        assert "things" not in db.table_names()
    database.close()
