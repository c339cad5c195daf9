"""TLS as the web configuration file says, against the web server as it runs."""

import http.client
import os
import shutil
import ssl
from contextlib import contextmanager

import pytest

from exporter.config import Config, ConfigError
from exporter.config_values import parse_listen
from exporter.web_access import LOOK_SECONDS, WebAccess, load_web_security
from tests.exporter.running import Clock
from tests.exporter.web.certificates import OPENSSL, authority, signed
from tests.exporter.web.deployment import SNAPSHOT, House
from tests.exporter.web.real_server import running

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not on PATH (Debian package openssl)")

ADDRESS = parse_listen("0.0.0.0:0")


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """An authority with a server and a client, and a stranger with the same names."""
    folder = tmp_path_factory.mktemp("pki")
    ours, other = authority(folder, "ours"), authority(folder, "other")
    return {
        "ours": ours,
        "other": other,
        "server": signed(folder, "server", ours),
        "renewed": signed(folder, "renewed", ours),
        "client": signed(folder, "client", ours),
        "stranger": signed(folder, "stranger", other),
        "encrypted": signed(folder, "encrypted", ours, password="open sesame"),
    }


class Deployment:
    """A web configuration file with the server's certificate beside it, and the server that follows it."""

    def __init__(self, folder, pki):
        self.folder, self.pki, self.clock = folder, pki, Clock(0.0)
        self.file = folder / "web.yml"
        self.install("server")

    def install(self, name):
        shutil.copy(self.pki[name].certificate, self.folder / "tls.pem")
        shutil.copy(self.pki[name].key, self.folder / "tls.key")
        stamp = int(self.clock.now * 1e9) + 1_700_000_000_000_000_000
        os.utime(self.folder / "tls.pem", ns=(stamp, stamp))
        self.clock.now += LOOK_SECONDS

    def configure(self, **keys):
        lines = "".join(f"  {key}: {value}\n" for key, value in keys.items())
        self.file.write_text(f"tls_server_config:\n  cert_file: tls.pem\n  key_file: tls.key\n{lines}")
        return Config.model_validate({"web": {"config_file": self.file, "allow_unauthenticated": True}}).web

    @contextmanager
    def running(self, **keys):
        web = self.configure(**keys)
        access = WebAccess(lambda: web, ADDRESS, self.clock)
        house = House(access=access.current())
        house.publisher.publish(SNAPSHOT)
        with running(house.services(), access.context()) as port:
            yield port


@pytest.fixture
def deployment(tmp_path, pki):
    return Deployment(tmp_path, pki)


def trusting(pki, client=None, version=None):
    context = ssl.create_default_context(cafile=str(pki["ours"].certificate))
    if client is not None:
        context.load_cert_chain(pki[client].certificate, pki[client].key)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def ask(port, context):
    """The status of the exposition, and the serial number of the server's certificate."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
    try:
        connection.request("GET", "/metrics")
        serial = connection.sock.getpeercert()["serialNumber"]
        return connection.getresponse().status, serial
    finally:
        connection.close()


def test_the_exposition_is_served_over_tls_and_not_beside_it(deployment, pki):
    with deployment.running() as port:
        assert ask(port, trusting(pki))[0] == 200
        plain = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        plain.request("GET", "/metrics")
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            plain.getresponse()
        plain.close()


@pytest.mark.parametrize(
    ("configured", "spoken", "is_served"),
    [
        ({}, ssl.TLSVersion.TLSv1_2, True),
        ({}, ssl.TLSVersion.TLSv1_3, True),
        ({"min_version": "TLS13"}, ssl.TLSVersion.TLSv1_2, False),
        ({"min_version": "TLS13"}, ssl.TLSVersion.TLSv1_3, True),
        ({"max_version": "TLS12"}, ssl.TLSVersion.TLSv1_3, False),
    ],
)
def test_versions_outside_the_configured_ones_are_not_spoken(deployment, pki, configured, spoken, is_served):
    with deployment.running(**configured) as port:
        context = trusting(pki, version=spoken)
        if is_served:
            assert ask(port, context)[0] == 200
        else:
            with pytest.raises(ssl.SSLError):
                ask(port, context)


@pytest.mark.parametrize(
    ("mode", "client", "is_served"),
    [
        ("NoClientCert", None, True),
        ("VerifyClientCertIfGiven", None, True),
        ("VerifyClientCertIfGiven", "client", True),
        ("VerifyClientCertIfGiven", "stranger", False),
        ("RequireAndVerifyClientCert", None, False),
        ("RequireAndVerifyClientCert", "client", True),
        ("RequireAndVerifyClientCert", "stranger", False),
    ],
)
def test_clients_show_the_certificates_that_are_asked_for(deployment, pki, mode, client, is_served):
    keys = {} if mode == "NoClientCert" else {"client_auth_type": mode, "client_ca_file": pki["ours"].certificate}
    with deployment.running(**keys) as port:
        if is_served:
            assert ask(port, trusting(pki, client))[0] == 200
        else:
            with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
                ask(port, trusting(pki, client))


def test_a_renewed_certificate_is_shown_to_new_connections_while_old_ones_go_on(deployment, pki):
    context = trusting(pki)
    with deployment.running() as port:
        old = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
        old.request("GET", "/-/healthy")
        assert old.getresponse().read() == b"Sigyn is healthy.\n"
        before = ask(port, context)[1]
        deployment.install("renewed")
        after = ask(port, context)[1]
        assert after != before
        old.request("GET", "/-/healthy")
        assert old.getresponse().status == 200, "a connection that stood was dropped"
        old.close()


def test_a_half_written_certificate_leaves_the_one_before_in_force(deployment, pki):
    with deployment.running() as port:
        before = ask(port, trusting(pki))[1]
        (deployment.folder / "tls.pem").write_text("-----BEGIN CERTIFICATE-----\n")
        deployment.clock.now += LOOK_SECONDS
        assert ask(port, trusting(pki)) == (200, before)


def test_clients_of_an_authority_that_is_no_longer_named_are_refused(deployment, pki):
    keys = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": deployment.folder / "ca.pem"}
    shutil.copy(pki["ours"].certificate, deployment.folder / "ca.pem")
    with deployment.running(**keys) as port:
        assert ask(port, trusting(pki, "client"))[0] == 200
        shutil.copy(pki["other"].certificate, deployment.folder / "ca.pem")
        os.utime(deployment.folder / "ca.pem", ns=(1, 1))
        deployment.clock.now += LOOK_SECONDS
        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            ask(port, trusting(pki, "client"))
        assert ask(port, trusting(pki, "stranger"))[0] == 200


def test_required_certificates_count_as_authentication(deployment, pki):
    web = deployment.configure(client_auth_type="RequireAndVerifyClientCert", client_ca_file=pki["ours"].certificate)
    closed = web.model_copy(update={"allow_unauthenticated": False})
    assert load_web_security(closed, ADDRESS).access.hosts is None
    optional = deployment.configure(client_auth_type="VerifyClientCertIfGiven", client_ca_file=pki["ours"].certificate)
    with pytest.raises(ConfigError, match="not a loopback address"):
        load_web_security(optional.model_copy(update={"allow_unauthenticated": False}), ADDRESS)


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [("server", "client", "key values mismatch"), ("encrypted", "encrypted", "is encrypted")],
)
def test_a_key_that_cannot_be_used_is_told_in_one_line_and_nobody_is_asked(deployment, pki, certificate, key, said):
    shutil.copy(pki[certificate].certificate, deployment.folder / "tls.pem")
    shutil.copy(pki[key].key, deployment.folder / "tls.key")
    with pytest.raises(ConfigError, match=said) as refused:
        load_web_security(deployment.configure(), ADDRESS)
    assert len(refused.value.errors) == 1
    assert "tls_server_config.cert_file: " in refused.value.errors[0]


def test_tls_is_not_switched_off_by_a_change(deployment):
    web = deployment.configure()
    access = WebAccess(lambda: web, ADDRESS, deployment.clock)
    deployment.file.write_text("")
    with pytest.raises(ConfigError, match="cannot be switched on or off"):
        access.check(web)
