"""Hadoop HDFS: one name node and one data node, and a second name node that is in standby."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from xml.sax.saxutils import escape

import requests
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.servers import maven
from tests.servers.catalog import ServerCatalog
from tests.servers.certificates import TestCertificates
from tests.servers.process import ServerProcess, free_port

VERSION = "3.4.1"
_MAIN = Path(__file__).with_name("HdfsCluster.java")
_ARTIFACTS = ("hadoop-hdfs", "hadoop-hdfs-client", "hadoop-common")


def fetch() -> Path:
    """Downloads the jars once (64 MB) and returns their folder."""
    return maven.jars("hdfs", *[maven.dependency(f"org.apache.hadoop:{name}:{VERSION}") for name in _ARTIFACTS])


def write_site(file: Path, properties: Mapping[str, str]) -> None:
    """Writes one of Hadoop's configuration files."""
    rows = "".join(
        f"<property><name>{escape(name)}</name><value>{escape(value)}</value></property>\n"
        for name, value in properties.items()
    )
    file.write_text(f"<configuration>\n{rows}</configuration>\n")


class HdfsServer(ServerProcess):
    """Simple authentication with permissions: the user that runs it is the superuser, others are what they say."""

    name = "hdfs"
    start_timeout_s = 90.0

    def __init__(self, *, standby: bool = False, certificates: TestCertificates | None = None) -> None:
        super().__init__()
        self.standby = standby
        self._certificates = certificates
        (self.port, self.rpc_port, self.data_port, self.data_http_port, self.data_ipc_port, self.standby_port,
         self.standby_rpc_port) = (free_port() for _ in range(7))  # fmt: skip
        #: A user with a home of its own and no other right.
        self.user = "alice"
        self.superuser = "hdfs-test"

    def prepare(self) -> None:
        """Writes the configuration; the process formats its folders by itself."""
        fetch()
        conf = self.folder / "conf"
        for name in ("hdfs", "datanode", "static"):
            (conf / "webapps" / name).mkdir(parents=True)
        (conf / "log4j.properties").write_text(
            "log4j.rootLogger=WARN,out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n"
            "log4j.appender.out.layout=org.apache.log4j.PatternLayout\n"
            "log4j.appender.out.layout.ConversionPattern=%d %p %c: %m%n\n"
        )
        at = self.host
        shared = {
            "hadoop.tmp.dir": f"{self.folder}/tmp",
            "hadoop.security.group.mapping": "org.apache.hadoop.security.NullGroupsMapping",
        }
        write_site(conf / "core-site.xml", {**shared, "fs.defaultFS": f"hdfs://{at}:{self.rpc_port}"})
        secure = self._secure_site(conf, self._certificates) if self._certificates else {}
        write_site(conf / "hdfs-site.xml", {**self.hdfs_site(), **secure})
        if self.standby:
            self._write_standby(shared)

    def hdfs_site(self) -> dict[str, str]:
        """Returns the addresses, folders and limits of both nodes."""
        at, kind = self.host, "https" if self._certificates else "http"
        return {
            "dfs.namenode.rpc-address": f"{at}:{self.rpc_port}",
            f"dfs.namenode.{kind}-address": f"{at}:{self.port}",
            "dfs.datanode.address": f"{at}:{self.data_port}",
            f"dfs.datanode.{kind}.address": f"{at}:{self.data_http_port}",
            "dfs.datanode.ipc.address": f"{at}:{self.data_ipc_port}",
            "dfs.datanode.hostname": at,
            "dfs.replication": "1",
            "dfs.heartbeat.interval": "1",
            "dfs.ls.limit": "100",
            "dfs.namenode.name.dir": f"file://{self.folder}/nn",
            "dfs.datanode.data.dir": f"file://{self.folder}/dn",
            "dfs.namenode.safemode.extension": "0",
        }

    def _secure_site(self, conf: Path, certificates: TestCertificates) -> dict[str, str]:
        """Writes keystore and ssl-server.xml; returns the settings that switch plain HTTP off."""
        pair = certificates.server("on")
        password = b"keystore-password"
        (conf / "keystore.p12").write_bytes(
            pkcs12.serialize_key_and_certificates(
                b"server",
                serialization.load_pem_private_key(pair.key, None),  # type: ignore[arg-type]
                x509.load_pem_x509_certificate(pair.certificate),
                None,
                serialization.BestAvailableEncryption(password),
            )
        )
        store = {
            "ssl.server.keystore.location": f"{conf}/keystore.p12",
            "ssl.server.keystore.type": "PKCS12",
            "ssl.server.keystore.password": password.decode(),
            "ssl.server.keystore.keypassword": password.decode(),
        }
        write_site(conf / "ssl-server.xml", store)
        return {"dfs.http.policy": "HTTPS_ONLY"}

    def _write_standby(self, shared: Mapping[str, str]) -> None:
        at = self.host
        other = self.folder / "standby"
        other.mkdir()
        write_site(
            other / "standby-site.xml",
            {
                **shared,
                "fs.defaultFS": "hdfs://pair",
                "dfs.nameservices": "pair",
                "dfs.ha.namenodes.pair": "one,two",
                "dfs.ha.namenode.id": "two",
                "dfs.namenode.rpc-address.pair.one": f"{at}:{self.rpc_port}",
                "dfs.namenode.http-address.pair.one": f"{at}:{self.port}",
                "dfs.namenode.rpc-address.pair.two": f"{at}:{self.standby_rpc_port}",
                "dfs.namenode.http-address.pair.two": f"{at}:{self.standby_port}",
                "dfs.namenode.name.dir": f"file://{other}/nn",
                "dfs.namenode.shared.edits.dir": f"file://{other}/edits",
                "dfs.ha.standby.checkpoints": "false",
                "dfs.ha.log-roll.period": "-1",
            },
        )

    def command(self) -> list[str]:
        """Returns the process's command line."""
        folders = [str(self.folder), *([str(self.folder / "standby")] if self.standby else [])]
        return [
            maven.java(), "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            "--add-opens", "java.base/java.lang=ALL-UNNAMED", "-cp", f"{self.folder}/conf:{fetch()}/*", str(_MAIN),
            *folders,
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Names the superuser, whatever the system's user is."""
        return {"HADOOP_USER_NAME": self.superuser}

    @property
    def endpoint(self) -> str:
        """The name node's WebHDFS address."""
        return f"{'https' if self._certificates else 'http'}://{self.host}:{self.port}"

    @property
    def _verify(self) -> str | bool:
        return str(self._certificates.ca_file) if self._certificates else True

    def call(self, method: str, path: str, op: str, *, user: str = "", **query: str) -> requests.Response:
        """Makes one WebHDFS call as a user, the superuser if none is named."""
        query = {"op": op, "user.name": user or self.superuser, **query}
        return requests.request(
            method, f"{self.endpoint}/webhdfs/v1{path}", params=query, timeout=20, verify=self._verify
        )

    def write(self, path: str, content: bytes) -> None:
        """Writes a file as the superuser."""
        query = {"op": "CREATE", "overwrite": "true", "user.name": self.superuser}
        url = f"{self.endpoint}/webhdfs/v1{path}"
        first = requests.put(url, params=query, allow_redirects=False, timeout=20, verify=self._verify)
        assert first.status_code == 307, first.text
        second = requests.put(first.headers["Location"], data=content, timeout=60, verify=self._verify)
        assert second.status_code == 201, second.text

    def give(self, path: str) -> None:
        """Makes a folder the user's."""
        assert self.call("PUT", path, "SETOWNER", owner=self.user).ok

    def bytes_read(self) -> int:
        """Returns what the data node has read from its blocks so far."""
        beans = requests.get(f"http://{self.host}:{self.data_http_port}/jmx", timeout=10).json()["beans"]
        return sum(bean["BytesRead"] for bean in beans if "name=DataNodeActivity" in bean["name"])

    def is_ready(self) -> bool:
        """A data node has registered, writing is allowed, and the standby answers when there is one."""
        bean = f"{self.endpoint}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState"
        state = requests.get(bean, timeout=5, verify=self._verify).json()["beans"][0]
        ready = state["NumLiveDataNodes"] == 1 and state["FSState"] == "Operational"
        if ready and self.standby:
            url = f"http://{self.host}:{self.standby_port}/webhdfs/v1/?op=GETFILESTATUS"
            ready = requests.get(url, timeout=5).json()["RemoteException"]["exception"] == "StandbyException"
        return ready

    def after_first_start(self) -> None:
        """Makes the folder that the user may write to, and one that only the superuser may read."""
        for path, permission, owner in (("/data", "755", self.user), ("/private", "700", self.superuser)):
            assert self.call("PUT", path, "MKDIRS", permission=permission).ok
            assert self.call("PUT", path, "SETOWNER", owner=owner).ok

    def version(self) -> str:
        """Returns the version of the jars."""
        return VERSION


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {
        "hdfs": lambda: HdfsServer(standby=True),
        "hdfs_mortal": HdfsServer,
        "hdfs_https": lambda: HdfsServer(certificates=catalog.certificates),
    }
