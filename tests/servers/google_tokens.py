"""Google's token endpoint as the tests play it: it verifies a service account's assertion for real."""

from __future__ import annotations

import base64
import json
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def problem_of(form: dict[str, str], key: rsa.RSAPublicKey, email: str, url: str, scope: str) -> str:
    """Returns what is wrong with a request for a token, or nothing."""
    if form.get("grant_type") != JWT_GRANT:
        return "unsupported grant type"
    try:
        signed, signature = form["assertion"].rsplit(".", 1)
        header, claims = (json.loads(_decode(part)) for part in signed.split("."))
        key.verify(_decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return "Invalid JWT Signature."
    except (KeyError, ValueError) as error:
        return f"Invalid JWT: {error!r}"
    now = time.time()
    if header["alg"] != "RS256" or claims["iss"] != email or claims["aud"] != url:
        return "Invalid JWT: wrong algorithm, issuer or audience."
    if not (claims["iat"] - 300 <= now < claims["exp"] <= claims["iat"] + 3600):
        return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    return "" if scope in claims["scope"] else "Invalid scope."


def key_file(key: rsa.RSAPrivateKey, email: str, url: str) -> str:
    """Returns a key file like Google's."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "lake",
            "private_key_id": "test-key-1",
            "private_key": pem.decode(),
            "client_email": email,
            "token_uri": url,
        }
    )


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
