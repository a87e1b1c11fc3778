"""PostgreSQL with imitated system views, which stands in for Amazon Redshift, and moto for its IAM login."""

from __future__ import annotations

from collections.abc import Callable

from tests.servers import logins
from tests.servers.catalog import ServerCatalog
from tests.servers.postgresql import PostgresqlServer
from tests.servers.process import ServerProcess
from tests.servers.systems.glue import GlueServer

#: The user that moto's GetClusterCredentials names for the database user nstarx_app.
IAM_USER = f"IAM:{logins.APP.user}"

_NOT_OURS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_VIEWS = (
    f"""CREATE VIEW pg_catalog.svv_all_schemas AS
    SELECT current_database() AS database_name, n.nspname AS schema_name, n.nspowner::integer AS schema_owner,
           'local'::text AS schema_type
    FROM pg_namespace n WHERE {_NOT_OURS} AND has_schema_privilege(n.oid, 'USAGE')""",
    f"""CREATE VIEW pg_catalog.svv_all_tables AS
    SELECT current_database() AS database_name, n.nspname AS schema_name, c.relname AS table_name,
           CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS table_type,
           obj_description(c.oid, 'pg_class') AS remarks
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {_NOT_OURS} AND c.relkind IN ('r', 'v')""",
    """CREATE VIEW pg_catalog.svv_all_columns AS
    SELECT c.table_catalog::name AS database_name, c.table_schema AS schema_name, c.table_name, c.column_name,
           c.ordinal_position, c.column_default, c.is_nullable, c.data_type, c.character_maximum_length,
           CASE WHEN c.data_type = 'numeric' THEN c.numeric_precision END AS numeric_precision,
           c.numeric_scale,
           col_description(format('%I.%I', c.table_schema, c.table_name)::regclass, c.ordinal_position) AS remarks
    FROM information_schema.columns c""",
    """CREATE VIEW pg_catalog.svv_table_info AS
    SELECT current_database() AS "database", n.nspname AS "schema", c.oid AS table_id, c.relname AS "table",
           'EVEN'::text AS diststyle, pg_total_relation_size(c.oid) >> 20 AS size,
           greatest(c.reltuples, 0)::numeric(38,0) AS tbl_rows
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'""",
    "CREATE FUNCTION pg_catalog.getdate() RETURNS timestamp LANGUAGE sql STABLE AS 'SELECT localtimestamp(6)'",
)


class RedshiftStandIn(PostgresqlServer):
    """PostgreSQL whose catalog has the views of Redshift that the connector asks."""

    name = "redshift"
    system = "Amazon Redshift"

    def prepare(self) -> None:
        """Adds a user who may log in with any password: moto makes them up."""
        super().prepare()
        access = self.data / "pg_hba.conf"
        access.write_text(f'host all "{IAM_USER}" 127.0.0.1/32 trust\n' + access.read_text())

    def after_first_start(self) -> None:
        """Makes the roles, and the views where Redshift has them."""
        super().after_first_start()
        with self.connect() as connection:
            connection.execute("SET allow_system_table_mods = on")
            for statement in _VIEWS:
                connection.execute(statement)
            for view in ("svv_all_schemas", "svv_all_tables", "svv_all_columns", "svv_table_info"):
                connection.execute(f"GRANT SELECT ON pg_catalog.{view} TO PUBLIC")
            connection.execute(f'CREATE ROLE "{IAM_USER}" LOGIN IN ROLE {logins.READER.user}')

    def uri(self, login: logins.Login = logins.APP, host: str | None = None, scheme: str = "redshift") -> str:
        """Returns the connection URI of a login."""
        return super().uri(login, host, scheme)


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""

    def stand_in() -> ServerProcess:
        return RedshiftStandIn(catalog.certificates, template=catalog.postgresql_template())

    return {"redshift": stand_in, "redshift_mortal": stand_in, "redshift_api": lambda: GlueServer(checked=False)}
