"""Certificates for the tests: an authority, and every kind of server certificate a client must refuse."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@dataclass(frozen=True)
class KeyPair:
    """A certificate with its private key, as PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, stem: str) -> tuple[Path, Path]:
        """Writes `stem`.crt and `stem`.key (0600) and returns both paths."""
        folder.mkdir(parents=True, exist_ok=True)
        certificate, key = folder / f"{stem}.crt", folder / f"{stem}.key"
        certificate.write_bytes(self.certificate)
        key.touch(mode=0o600)
        key.write_bytes(self.key)
        key.chmod(0o600)
        return certificate, key


class Authority:
    """A certificate authority that lives as long as the test run."""

    def __init__(self, common_name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = _name(common_name)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_now() - 30 * DAY)
            .not_valid_after(_now() + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_ca_usage(), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def certificate_pem(self) -> bytes:
        """Returns the authority's own certificate."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, *, hosts: tuple[str, ...] = ("localhost",), addresses: tuple[str, ...] = ("127.0.0.1",),
               expired: bool = False) -> KeyPair:  # fmt: skip
        """Returns a server certificate for these names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        until = _now() - DAY if expired else _now() + 20 * DAY
        builder = _leaf(key, hosts, addresses, _now() - 20 * DAY, until).issuer_name(self._certificate.subject)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        return _pair(builder.sign(self._key, hashes.SHA256()), key)

    def client(self, common_name: str) -> KeyPair:
        """Returns a client certificate whose common name is the login."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _leaf(key, (common_name,), (), _now() - DAY, _now() + 20 * DAY)
        return _pair(builder.issuer_name(self._certificate.subject).sign(self._key, hashes.SHA256()), key)


def self_signed() -> KeyPair:
    """Returns a server certificate that signed itself and that no authority knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _leaf(key, ("localhost",), ("127.0.0.1",), _now() - DAY, _now() + 20 * DAY)
    return _pair(builder.issuer_name(_name("localhost")).sign(key, hashes.SHA256()), key)


def _ca_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _leaf(key: ec.EllipticCurvePrivateKey, hosts: tuple[str, ...], addresses: tuple[str, ...],
          since: datetime.datetime, until: datetime.datetime) -> x509.CertificateBuilder:  # fmt: skip
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        x509.CertificateBuilder()
        .subject_name(_name(hosts[0]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    return KeyPair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


class TestCertificates:
    """The certificates of one run, made on first use: authority, the right ones and the wrong ones."""

    __test__ = False  # Not a test class, whatever its name begins with.

    #: What `tls=` of a server may be; each but 'on' and 'off' must be refused under verify-full.
    KINDS = ("on", "off", "expired", "self_signed", "other_authority", "other_host")

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._authority = Authority("NStarX test authority")
        self._other = Authority("NStarX other test authority")
        self.ca_file = folder / "ca.crt"
        self.ca_file.write_bytes(self._authority.certificate_pem())
        self.other_ca_file = folder / "other_ca.crt"
        self.other_ca_file.write_bytes(self._other.certificate_pem())

    def ca_pem(self) -> str:
        """Returns the authority's certificate as text."""
        return self.ca_file.read_text()

    def server(self, kind: str) -> KeyPair:
        """Returns the server certificate of a kind in KINDS other than 'off'."""
        match kind:
            case "on":
                return self._authority.server()
            case "expired":
                return self._authority.server(expired=True)
            case "self_signed":
                return self_signed()
            case "other_authority":
                return self._other.server()
            case "other_host":
                return self._authority.server(hosts=("db.elsewhere.test",), addresses=("192.0.2.7",))
        raise ValueError(f"no certificate kind {kind!r}")

    def client(self, common_name: str) -> KeyPair:
        """Returns a client certificate for a login."""
        return self._authority.client(common_name)
