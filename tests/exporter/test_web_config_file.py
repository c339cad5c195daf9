"""The web configuration file in exporter-toolkit's format: what is understood, and how everything else is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from exporter.config_file import ConfigError
from exporter.web_config_file import load_web_config

HASH = "$2y$10$" + "abc/DEF.0123456789abc." + "b" * 31
MINIMAL_TLS = "tls_server_config: {cert_file: server.pem, key_file: server.key%s}"


@pytest.fixture
def folder(tmp_path):
    for name in ("server.pem", "server.key", "ca.pem"):
        (tmp_path / name).write_text("content is not looked at here")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "web-config.yml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    """What is refused, without the file's name, which every line begins with."""
    path = write(folder, text)
    with pytest.raises(ConfigError) as refused:
        load_web_config(path)
    assert all(line.startswith(f"{path}: ") for line in refused.value.errors)
    return [line.removeprefix(f"{path}: ") for line in refused.value.errors]


def test_every_key_that_is_understood_arrives(folder):
    config = load_web_config(
        write(
            folder,
            f"""
            tls_server_config:
              cert_file: server.pem
              key_file: {folder}/server.key
              client_auth_type: RequireAndVerifyClientCert
              client_ca_file: ca.pem
              min_version: TLS13
              max_version: TLS13
            http_server_config:
              http2: false
              headers:
                Strict-Transport-Security: max-age=31536000
                X-Frame-Options: sameorigin
                X-Content-Type-Options: nosniff
                Content-Security-Policy: ""
            basic_auth_users:
              mara: {HASH}
            rate_limit: {{interval: 1s, burst: 5}}
            """,
        )
    )
    tls = config.tls_server_config
    assert (tls.cert_file, tls.key_file, tls.client_ca_file) == (
        folder / "server.pem",
        folder / "server.key",
        folder / "ca.pem",
    )
    assert (tls.min_version, tls.max_version, config.requires_certificate) == ("TLS13", "TLS13", True)
    assert config.http_server_config.headers.given() == {
        "Strict-Transport-Security": "max-age=31536000",
        "X-Frame-Options": "sameorigin",
        "X-Content-Type-Options": "nosniff",
    }
    assert config.basic_auth_users == {"mara": HASH}
    assert (config.rate_limit.interval, config.rate_limit.burst) == (timedelta(seconds=1), 5)


@pytest.mark.parametrize("text", ["", "# nothing\n", "basic_auth_users:\n", "tls_server_config: ~\n"])
def test_a_file_that_says_nothing_secures_nothing(folder, text):
    config = load_web_config(write(folder, text))
    assert config.tls_server_config is None
    assert config.basic_auth_users == {}
    assert config.http_server_config.headers.given() == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nope: 1", "nope: unknown key (remove it)"),
        ("http_server_config: {headers: {Foo: bar}}", "http_server_config.headers.Foo: unknown key (remove it)"),
        (MINIMAL_TLS % ", cert: PEM", "tls_server_config.cert: is not supported (write the certificate to a file"),
        (MINIMAL_TLS % ", cipher_suites: [A]", "tls_server_config.cipher_suites: is not supported"),
        (MINIMAL_TLS % ", client_allowed_sans: [a]", "tls_server_config.client_allowed_sans: is not supported"),
        (MINIMAL_TLS % ", min_version: TLS10", "tls_server_config.min_version: must be one of 'TLS12' or 'TLS13'"),
        (MINIMAL_TLS % ", min_version: TLS13, max_version: TLS12", "tls_server_config.min_version: is above max_version"),
        (MINIMAL_TLS % ", client_auth_type: RequireAnyClientCert", "tls_server_config.client_auth_type: must be one of"),
        (MINIMAL_TLS % ", client_auth_type: VerifyClientCertIfGiven", "tls_server_config.client_ca_file: is missing"),
        (MINIMAL_TLS % ", client_ca_file: ca.pem", "tls_server_config.client_ca_file: has no effect"),
        (MINIMAL_TLS % ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: no.pem", "tls_server_config.client_ca_file: there is no such file"),
        ("tls_server_config: {key_file: server.key}", "tls_server_config.cert_file: is missing (add it)"),
        ("tls_server_config: {cert_file: server.pem, key_file: no.key}", "tls_server_config.key_file: there is no such file (check the name; it is relative to the folder of the file that names it)"),
        ("http_server_config: {http2: true}", "http_server_config.http2: HTTP/2 is not served"),
        ("http_server_config: {headers: {X-Frame-Options: allow}}", "http_server_config.headers.X-Frame-Options: must be one of"),
        ('http_server_config: {headers: {X-XSS-Protection: "a\\r\\nSet-Cookie: b"}}', "http_server_config.headers.X-XSS-Protection: holds a character"),
        ("basic_auth_users: {mara: plaintext}", "basic_auth_users.mara: must be a bcrypt hash"),
        ("basic_auth_users: {mara: 5}", "basic_auth_users.mara: must be text"),
        (f"basic_auth_users: {{mara: {HASH.replace('$10$', '$31$')}}}", "basic_auth_users.mara: has a cost outside 4 to 14"),
        (f"basic_auth_users: {{mara: {HASH[:28]}z{HASH[29:]}}}", "basic_auth_users.mara: must be a bcrypt hash"),
        (f'basic_auth_users: {{"a:b": {HASH}}}', "basic_auth_users.a:b: is no user name"),
        (f"basic_auth_users: {{mara: {HASH}, mara: {HASH}}}", "basic_auth_users.mara: is given twice"),
        ("rate_limit: {burst: 0}", "rate_limit.burst: must be at least 1"),
        ("rate_limit: {interval: often}", "rate_limit.interval: is not a duration"),
        ("[]", "must be a mapping"),
        ("a: &x 1", "line 1, column 4: anchors and aliases are not supported"),
    ],
    ids=lambda text: text[:60],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_its_dotted_path(folder, text, said):
    found = problems(folder, text)
    assert len(found) == 1
    assert found[0].startswith(said)


def test_every_problem_is_told_at_once_and_none_repeats_a_value(folder):
    found = problems(
        folder, "basic_auth_users: {mara: hunter2, omar: hunter3}\nrate_limit: {burst: 0}\nnope: hunter4\n"
    )
    assert [line.partition(": ")[0] for line in found] == [
        "basic_auth_users.mara",
        "basic_auth_users.omar",
        "nope",
        "rate_limit.burst",
    ]
    assert not any("hunter" in line for line in found)


def test_hashes_are_in_no_representation(folder):
    assert HASH not in repr(load_web_config(write(folder, f"basic_auth_users: {{mara: {HASH}}}")))
