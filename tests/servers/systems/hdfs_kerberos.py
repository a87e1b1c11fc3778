"""Hadoop HDFS with Kerberos, and the KDC that it needs: MIT's, with a realm of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.servers.catalog import ServerCatalog
from tests.servers.process import ServerProcess, find_program
from tests.servers.systems.hdfs import HdfsServer, write_site

REALM = "TEST.LOCAL"
_HOST = "localhost"  # Principals are of names, not of addresses.


class Kdc(ServerProcess):
    """A KDC with the principals of the cluster and of two users, each with a keytab."""

    name = "kdc"
    principals = (f"hdfs/{_HOST}", f"HTTP/{_HOST}", "alice", "stranger")

    @property
    def client_config(self) -> Path:
        """The krb5.conf of clients and services."""
        return self.folder / "krb5.conf"

    def keytab(self, principal: str) -> Path:
        """Returns the keytab of a principal."""
        return self.folder / f"{principal.split('/')[0]}.keytab"

    def client_environment(self, principal: str, cache: str = "MEMORY:") -> dict[str, str]:
        """Returns what makes a program log in with a principal's keytab."""
        return {
            "KRB5_CONFIG": str(self.client_config),
            "KRB5_CLIENT_KTNAME": f"FILE:{self.keytab(principal)}",
            "KRB5CCNAME": cache,
        }

    def prepare(self) -> None:
        """Writes the configuration, makes the database and the keytabs."""
        self.client_config.write_text(
            f"[libdefaults]\ndefault_realm = {REALM}\nudp_preference_limit = 1\nrdns = false\n"
            f"dns_canonicalize_hostname = false\ndns_lookup_kdc = false\n"
            f"[realms]\n{REALM} = {{\n kdc = {self.host}:{self.port}\n}}\n"
        )
        (self.folder / "kdc.conf").write_text(
            f"[kdcdefaults]\nkdc_listen = {self.host}:{self.port}\nkdc_tcp_listen = {self.host}:{self.port}\n"
            f"[realms]\n{REALM} = {{\n database_name = {self.folder}/principal\n"
            f" key_stash_file = {self.folder}/stash\n acl_file = {self.folder}/acl\n}}\n"
        )
        tools = {name: find_program(name, "/usr/sbin") for name in ("kdb5_util", "kadmin.local")}
        environment = [find_program("env"), *(f"{key}={value}" for key, value in self.environment().items())]
        self.run([*environment, tools["kdb5_util"], "create", "-s", "-P", "not-a-secret", "-r", REALM])
        for principal in self.principals:
            for query in (f"addprinc -randkey {principal}", f"ktadd -k {self.keytab(principal)} {principal}"):
                self.run([*environment, tools["kadmin.local"], "-r", REALM, "-q", query])

    def environment(self) -> dict[str, str]:
        """Points the tools at the realm."""
        return {"KRB5_CONFIG": str(self.client_config), "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf")}

    def command(self) -> list[str]:
        """Returns the KDC's command line."""
        return [find_program("krb5kdc", "/usr/sbin"), "-n", "-r", REALM]

    def is_ready(self) -> bool:
        """Gets a ticket."""
        environment = self.client_environment("alice")
        ask = [find_program("kinit"), "-k", "-t", str(self.keytab("alice")), "-c", str(self.folder / "cache"), "alice"]
        return subprocess.run(ask, env=environment, capture_output=True, timeout=10, check=False).returncode == 0

    def version(self) -> str:
        """Returns the version of the package."""
        return "1.20"


class KerberosHdfs(HdfsServer):
    """Name node and data node that want SPNEGO or a delegation token."""

    name = "hdfs_kerberos"

    def __init__(self) -> None:
        super().__init__()
        self.kdc = Kdc()
        self.host = _HOST
        self.superuser = "hdfs"

    def prepare(self) -> None:
        """Starts the KDC and adds what makes the cluster secure."""
        self.kdc.start()
        super().prepare()
        conf = self.folder / "conf"
        (self.folder / "secret").write_text("signs cookies")
        daemon = f"hdfs/{_HOST}@{REALM}"
        keytab, web = str(self.kdc.keytab("hdfs")), str(self.kdc.keytab("HTTP"))
        write_site(
            conf / "core-site.xml",
            {
                "fs.defaultFS": f"hdfs://{_HOST}:{self.rpc_port}",
                "hadoop.tmp.dir": f"{self.folder}/tmp",
                "hadoop.security.group.mapping": "org.apache.hadoop.security.NullGroupsMapping",
                "hadoop.security.authentication": "kerberos",
                "hadoop.security.authorization": "true",
                "hadoop.http.filter.initializers": "org.apache.hadoop.hdfs.web.AuthFilterInitializer",
                "hadoop.http.authentication.type": "kerberos",
                "hadoop.http.authentication.kerberos.principal": f"HTTP/{_HOST}@{REALM}",
                "hadoop.http.authentication.kerberos.keytab": web,
                "hadoop.http.authentication.signature.secret.file": str(self.folder / "secret"),
            },
        )
        write_site(
            conf / "hdfs-site.xml",
            {
                **self.hdfs_site(),
                "dfs.block.access.token.enable": "true",
                "ignore.secure.ports.for.testing": "true",
                "dfs.namenode.kerberos.principal": daemon,
                "dfs.namenode.keytab.file": keytab,
                "dfs.datanode.kerberos.principal": daemon,
                "dfs.datanode.keytab.file": keytab,
                "dfs.web.authentication.kerberos.principal": f"HTTP/{_HOST}@{REALM}",
                "dfs.web.authentication.kerberos.keytab": web,
            },
        )

    def command(self) -> list[str]:
        """Tells Java where the realm is."""
        program, *rest = super().command()
        return [program, f"-Djava.security.krb5.conf={self.kdc.client_config}", *rest]

    def environment(self) -> dict[str, str]:
        """Nothing: who it is, is in the keytabs."""
        return {}

    def ask(self, path: str, principal: str = "", *, method: str = "GET") -> dict[str, Any]:
        """Asks as a principal, the daemons' own if none is named, and returns the JSON answer."""
        curl = [find_program("curl"), "-sS", "--negotiate", "-u", ":", "-X", method, f"{self.endpoint}{path}"]
        environment = self.kdc.client_environment(principal or "hdfs")
        done = subprocess.run(curl, env=environment, capture_output=True, text=True, timeout=20, check=True)
        return json.loads(done.stdout) if done.stdout else {}

    def is_ready(self) -> bool:
        """A data node has registered and writing is allowed."""
        state = self.ask("/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState")["beans"][0]
        return state["NumLiveDataNodes"] == 1 and state["FSState"] == "Operational"

    def after_first_start(self) -> None:
        """Makes the folder that the user may write to."""
        self.ask("/webhdfs/v1/data?op=MKDIRS", method="PUT")
        self.ask(f"/webhdfs/v1/data?op=SETOWNER&owner={self.user}", method="PUT")

    def close(self) -> None:
        """Stops the KDC too."""
        try:
            super().close()
        finally:
            self.kdc.close()

    def delegation_token(self, principal: str) -> str:
        """Returns a delegation token of a principal."""
        return self.ask("/webhdfs/v1/?op=GETDELEGATIONTOKEN", principal)["Token"]["urlString"]


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {"hdfs_kerberos": KerberosHdfs}
