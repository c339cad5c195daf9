"""Certificates for the tests, made by openssl: an authority, a server for 127.0.0.1, and a client."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

OPENSSL = shutil.which("openssl")


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, PEM files."""

    certificate: Path
    key: Path


def authority(folder: Path, name: str) -> Pair:
    """An authority that signs itself."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    _openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", f"/CN={name}", "-keyout", pair.key, "-out", pair.certificate,
    )  # fmt: skip
    return pair


def signed(folder: Path, name: str, by: Pair, *, password: str | None = None) -> Pair:
    """A certificate for 127.0.0.1 and localhost, signed by an authority; its key is encrypted with a password if any."""
    pair, request, extensions = Pair(folder / f"{name}.pem", folder / f"{name}.key"), folder / "request", folder / "ext"
    extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    protection = ["-nodes"] if password is None else ["-passout", f"pass:{password}"]
    _openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", *protection,
        "-subj", f"/CN={name}", "-keyout", pair.key, "-out", request,
    )  # fmt: skip
    _openssl(
        "x509", "-req", "-in", request, "-CA", by.certificate, "-CAkey", by.key, "-CAcreateserial", "-days", "2",
        "-extfile", extensions, "-out", pair.certificate,
    )  # fmt: skip
    return pair


def _openssl(*arguments: object) -> None:
    subprocess.run([str(OPENSSL), *map(str, arguments)], check=True, capture_output=True)
