"""moto, an emulator of AWS services, with access keys, signatures and IAM policies checked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config

from tests.servers.process import ServerProcess, find_program

VERSION = "5.2.5"
REGION = "eu-central-1"
_ACCOUNT = "123456789012"


class MotoServer(ServerProcess):
    """One account with a user that may use the service, and one that may only read."""

    start_timeout_s = 60.0
    #: In the names of actions and of the client.
    service = ""
    reader_actions: tuple[str, ...] = ()
    role = "catalog"

    def __init__(self, *, checked: bool) -> None:
        super().__init__()
        self.checked = checked
        self.region = REGION
        self.access_key = "AKIAUNCHECKED"
        self.secret_key = "unchecked-secret-0badcafe"
        self.reader: tuple[str, str] = ("", "")
        self.role_arn = f"arn:aws:iam::{_ACCOUNT}:role/{self.role}"

    @property
    def endpoint(self) -> str:
        """The server's address as a URL."""
        return f"http://{self.host}:{self.port}"

    def command(self) -> list[str]:
        """Returns the server's command line."""
        program = find_program("moto_server", str(Path(sys.executable).parent))
        return [program, "-H", self.host, "-p", str(self.port)]

    def environment(self) -> dict[str, str]:
        """Keys that mean nothing, so that moto itself never looks for real ones."""
        return {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_EC2_METADATA_DISABLED": "true"}

    def is_ready(self) -> bool:
        """Asks moto's own API."""
        return requests.get(f"{self.endpoint}/moto-api/", timeout=2).status_code == 200

    def start(self) -> None:
        """Starts and, if keys are checked, makes the users: everything is in memory."""
        super().start()
        if self.checked:
            self._make_users()

    def _make_users(self) -> None:
        iam = self.client("iam", "x", "x")
        keys = []
        policies: dict[str, Any] = {"writer": [f"{self.service}:*", "sts:*"], "reader": list(self.reader_actions)}
        for user, actions in policies.items():
            iam.create_user(UserName=user)
            policy = {"Version": "2012-10-17",
                      "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}  # fmt: skip
            iam.put_user_policy(UserName=user, PolicyName="all", PolicyDocument=json.dumps(policy))
            made = iam.create_access_key(UserName=user)["AccessKey"]
            keys.append((made["AccessKeyId"], made["SecretAccessKey"]))
        anybody = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
        trust = {"Version": "2012-10-17", "Statement": [anybody]}
        iam.create_role(RoleName=self.role, AssumeRolePolicyDocument=json.dumps(trust))
        statement = {"Effect": "Allow", "Action": f"{self.service}:*", "Resource": "*"}
        allow = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_role_policy(RoleName=self.role, PolicyName="all", PolicyDocument=json.dumps(allow))
        (self.access_key, self.secret_key), self.reader = keys
        # From now on each request is checked.
        requests.post(f"{self.endpoint}/moto-api/reset-auth", data=b"0", timeout=5).raise_for_status()

    def client(self, service: str = "", access_key: str = "", secret_key: str = "") -> Any:
        """Returns a boto3 client with the writer's key, or another."""
        return boto3.client(
            service or self.service, endpoint_url=self.endpoint, region_name=self.region,
            aws_access_key_id=access_key or self.access_key, aws_secret_access_key=secret_key or self.secret_key,
            config=Config(retries={"max_attempts": 1}, connect_timeout=3, read_timeout=20),
        )  # fmt: skip

    def version(self) -> str:
        """Returns moto's version."""
        return VERSION
