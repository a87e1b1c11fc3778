"""Writes the generated pages: docs/troubleshooting.md (from the specs' error tables) and docs/performance.md.

Run from anywhere: ``python docs/generate.py``; ``--check`` fails when a page is not what would be written.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# What is not a system's own error: raised before or around the connector. Code, cause, what to do.
GENERAL = [
    ("dns.not_found", "The host name does not resolve.", "Check the spelling; try `getent hosts NAME` on the server."),
    ("dns.timeout", "The resolver does not answer.", "Check the server's DNS settings."),
    ("tcp.refused", "The host is up, but nothing listens on the port.", "Check the port and that the system listens there."),
    ("tcp.timeout", "Packets vanish: a firewall, or no route.", "Allow this server's address; check VPN and routing."),
    ("tcp.unreachable", "No route to the address.", "Check the network."),
    ("tls.refused_by_server", "The system does not speak TLS here.", "Turn TLS on there, or set ssl.enabled to false."),
    ("tls.self_signed", "A self-signed certificate that is not trusted.", "Put it into ssl.certificate."),
    ("tls.certificate_expired", "The server's certificate expired.", "Renew it on the system."),
    ("tls.not_yet_valid", "The certificate is not valid yet.", "Check the clocks."),
    ("tls.unknown_ca", "The certificate's CA is not trusted.", "Put the CA into ssl.certificate."),
    ("tls.host_mismatch", "The certificate is for another name.", "Use that name, or set ssl.serverName."),
    ("tls.bad_certificate", "ssl.certificate holds no PEM.", "Paste the text from -----BEGIN CERTIFICATE----- on."),
    ("tls.handshake_failed", "The handshake failed otherwise.", "Check versions, ciphers and client certificates."),
    ("tls.timeout", "The handshake did not finish in time.", "Try again; check that the port speaks TLS."),
    ("privileges.missing", "The login lacks privileges that the spec asks for.", "Let an administrator grant them."),
    ("pool.exhausted", "All sessions of the pool are in use.", "Raise pooling.maxSize or waitTimeout; see who holds them."),
    ("connection.archived", "The connection is archived.", "Restore it."),
    ("connection.lost", "The system closed the session.", "Try again; the pool replaces broken sessions."),
    ("query.timeout", "The deadline passed.", "Raise timeout_ms or touch less data."),
    ("config.unset_variable", "${NAME} is not set in the server's environment.", "Set it and start the server again."),
    ("config.unknown_field", "A field that the type does not know.", "Look at the suggestion, or use additionalParams."),
    ("config.malformed_uri", "The URI can't be read.", "Percent-encode special characters in user and password."),
    ("auth.missing_key", "No API key was sent.", "Send Authorization: Bearer KEY."),
    ("auth.invalid_key", "The API key is not known.", "Check it; keys are shown once, when they are made."),
    ("auth.expired_key", "The API key expired.", "Make a new one: nstarx api-keys create."),
    ("access.denied", "Your role or grants do not allow it.", "Ask the owner or an administrator."),
    ("auth.throttled", "Too many wrong keys from this address.", "Wait; a right key always passes."),
    ("query.not_allowed", "The statement is of a kind that this connection refuses.", "Read-only engines run one reading statement."),
    ("connection.not_found", "No such connection, or none that you may see.", "Check the name; ask its owner to share it."),
    ("connection.name_taken", "A connection of that name exists.", "Names are unique without regard to case."),
    ("connection.version_conflict", "It changed since you read it.", "Read it again and send the change with the new ETag."),
    ("file.outside_roots", "The folder is not below a root that the operator opened.", "See NSTARX_FILES_ROOTS."),
    ("request.body_too_large", "The body is over the limit.", "JSON bodies may have 1 MiB; use ingest or objects for data."),
    ("server.busy", "All workers are busy and the queue is full.", "Try again after Retry-After."),
    ("store.damaged", "The store's file is damaged.", "Restore DATA/nstarx.db from the backup."),
    ("store.newer_schema", "A later nstarx wrote the store.", "Start that version, or a later one."),
    ("store.disk_full", "The disk is full.", "Make room; nothing acknowledged was lost."),
    ("vault.damaged", "A stored secret does not authenticate.", "Set the secret again."),
    ("vault.key_exposed", "Others may read the key file.", "chmod 600 it."),
    ("audit.in_use", "Another process writes the journal.", "Stop it."),
    ("audit.not_written", "The journal could not be written.", "Check the disk; the change itself may be stored."),
    ("vault.wrong_key", "The key does not open the vault.", "Start with the key or passphrase that made it."),
    ("vault.key_missing", "The vault's key is not there.", "Restore DATA/keys from the backup."),
    ("server.data_in_use", "Another server runs on the data directory.", "Stop it, or use another --data."),
]


def troubleshooting() -> str:
    """The page of all error codes, from the specs' own tables."""
    lines = [
        "# Troubleshooting",
        "",
        "Generated by `docs/generate.py` from the connectors' specs. Every error has a code, a stage and hints; the same code",
        "means the same cause in REST, CLI and SDK.",
        "",
        "## Everywhere",
        "",
        "| code | cause | what to do |",
        "| --- | --- | --- |",
    ]
    lines += [f"| `{code}` | {cause} | {hint} |" for code, cause, hint in GENERAL]
    for path in sorted((ROOT / "src" / "connectors").glob("*/spec.json")):
        spec = json.loads(path.read_text())
        lines += ["", f"## {spec['title']} (`{spec['type']}`)", "", "| code | cause | what to do |", "| --- | --- | --- |"]
        for row in spec.get("errors", []):
            hints = " ".join(row["hints"]).replace("|", "\\|")
            lines.append(f"| `{row['code']}` | {row['cause'].replace('|', chr(92) + '|')} | {hints} |")
    return "\n".join(lines) + "\n"


def performance() -> str:
    """The page of measurements, from what the benches wrote."""
    lines = [
        "# Performance",
        "",
        "Generated by `docs/generate.py` from `bench/results/`; each section is one run of one script under `bench/`, with",
        "the machine it ran on. Ratios compare within a run only.",
        "",
    ]
    for path in sorted((ROOT / "bench" / "results").glob("*.md")):
        lines += [path.read_text().strip(), ""]
    return "\n".join(lines)


def main() -> int:
    pages = {"troubleshooting.md": troubleshooting(), "performance.md": performance()}
    stale = []
    for name, text in pages.items():
        path = ROOT / "docs" / name
        if "--check" in sys.argv:
            if not path.exists() or path.read_text() != text:
                stale.append(name)
        else:
            path.write_text(text)
    for name in stale:
        print(f"docs/{name} is not up to date: run docs/generate.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
