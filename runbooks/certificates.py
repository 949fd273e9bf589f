# ---
# runbook:
#   title: Expiry of TLS certificates
#   description: Reads the certificates in files and folders, lists how long each is valid, and fails below a threshold.
#   owner: examples@signed-runbook.example
#   environments: [prod, scratch, staging]
# approvals:
# - approver: examples@signed-runbook.example
#   environments: [prod, staging]
#   allows: unattended
#   text: sha256:49815db86bc03427b82e8d88ca8c8f02f67f94cc629e5076b7d3f19e55dd25c2
#   issued: 2026-11-21T09:48:15Z
#   expires: 2036-11-18T09:48:15Z
#   signature: |
#     U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgDmFdm4KcAu26q/jvxHR3zjLvJh
#     GBPJPFXHRAqlqBWPcAAAAaYXBwcm92YWwudjFAc2lnbmVkLXJ1bmJvb2sAAAAAAAAABnNo
#     YTUxMgAAAFMAAAALc3NoLWVkMjU1MTkAAABAOqHuxF6BtbWZJsnO3U8ENbuteJTE5RsRdh
#     JlJ5/xpfPDsbI8BjVYQRoFl7DY2kMn4Sq3Zkyw8qNDbfUZop6TAg==
# jupyter:
#   jupytext:
#     comment_magics: false
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Expiry of TLS certificates
# For the weekly look at what runs out next, and after a renewal, to see that the new file is really the one in place.
#
# This only reads files: PEM (also several certificates in one file, as in a chain) or DER. It says nothing about
# whom a browser trusts, and it does not ask a server; it looks at what lies on the disk. Keys in the same file
# are not read. Without files of yours it makes one self-signed sample in the working folder.
#
# When it fails: renew the certificate in the list that expires first, reload its service, run this again.

# %% name="parameters" tags=["parameters"]
from pathlib import Path
from typing import Annotated

from runbook.kit import Bounds

files: list[Path] = []  # certificate files, or folders to search for .pem, .crt, .cer and .der
days: Annotated[int, Bounds(ge=0, le=3650)] = 30  # fail when one expires sooner than this

# %% Tools name="tools" tags=["read-only", "setup"] timeout=60
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sample = Path("sample.pem").absolute()

# %% A sample, when no file is given name="sample" tags=["setup"] timeout=60
if not files and not sample.exists():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sample.example")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today)
        .not_valid_after(today + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("sample.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    sample.write_bytes(made.public_bytes(serialization.Encoding.PEM))

# %% Read them name="read" tags=["read-only"] timeout=300
from runbook.kit import context, note

ENDINGS = (".pem", ".crt", ".cer", ".der")
LIMIT_BYTES = 10_000_000


def certificates_in(path):
    """Every certificate in one file. Raises ValueError when there is none."""
    with path.open("rb") as file:
        data = file.read(LIMIT_BYTES + 1)
    if len(data) > LIMIT_BYTES:
        raise ValueError(f"larger than {LIMIT_BYTES} bytes")
    if b"-----BEGIN CERTIFICATE-----" in data:
        return x509.load_pem_x509_certificates(data)
    if b"-----BEGIN " in data:
        raise ValueError("holds no certificate")
    return [x509.load_der_x509_certificate(data)]


def names_of(certificate):
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [str(general.value) for general in alternative]
    except x509.ExtensionNotFound:
        found = []
    return found or [certificate.subject.rfc4514_string() or "(no name)"]


now = datetime.now(UTC)
read, unreadable = [], []
if context.dry_run and not files:
    note("a dry run makes no sample: there is nothing to read")
for path in files or [one for one in (sample,) if not context.dry_run]:
    inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in ENDINGS) if path.is_dir() else [path]
    if not inside:
        unreadable.append(f"{path}: no file in it ends in {', '.join(ENDINGS)}")
    for one in inside:
        try:
            read += [(certificate.not_valid_after_utc, one, certificate) for certificate in certificates_in(one)]
        except (OSError, ValueError) as problem:
            unreadable.append(f"{one}: {problem}")
read.sort(key=lambda found: (found[0], str(found[1])))

print(f"{'days':>6}  {'expires':20}  names, file")
for expires, path, certificate in read:
    print(f"{(expires - now).days:6}  {expires:%Y-%m-%d %H:%M:%S}   {', '.join(names_of(certificate))}, {path}")
for line in unreadable:
    print(f"     ?  {line}")
note(f"{len(read)} certificates read, {len(unreadable)} files could not be read")

# %% Does one expire too soon? name="threshold" tags=["read-only"] timeout=60
if unreadable:
    raise RuntimeError(f"what cannot be read cannot be vouched for: {unreadable[0]}")
early = [(path, certificate) for _, path, certificate in read if certificate.not_valid_before_utc > now]
if early:
    raise RuntimeError(f"{early[0][0]}: valid only from {early[0][1].not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC on")
soon = [(expires, path) for expires, path, _ in read if expires < now + timedelta(days=days)]
if soon:
    expires, path = soon[0]
    verb = "has expired on" if expires < now else "expires on"
    raise RuntimeError(f"{path}: {verb} {expires:%Y-%m-%d}; {len(soon)} of {len(read)} within {days} days")
print(f"all {len(read)} are valid for {days} days or more")
