"""Who may log in to the test databases, and with what secret."""

from __future__ import annotations

from dataclasses import dataclass

#: Begins every password and key of the test servers, so that one search finds a leaked one anywhere.
CANARY = "canary-"

DATABASE = "analytics"


@dataclass(frozen=True)
class Login:
    """A user of a test server with its password."""

    user: str
    password: str


ADMIN = Login("nstarx_admin", CANARY + "admin-5f1c9a")
#: Owns the database's tables.
APP = Login("nstarx_app", CANARY + "app-p@ss:w/rd?-8e21")
#: May read every table and write none.
READER = Login("nstarx_reader", CANARY + "reader-0b77d2")
#: May log in to the database and read no table but `visible`.
NOBODY = Login("nstarx_nobody", CANARY + "nobody-c4410e")
#: May log in to the server, but not to the database.
BARRED = Login("nstarx_barred", CANARY + "barred-19af63")

ALL = (ADMIN, APP, READER, NOBODY, BARRED)
