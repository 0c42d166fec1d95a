"""`ocellus pull` over TLS, from a hub whose certificate a test authority has signed."""

import pytest

from bad_hub import Hub
from certificates import make_authority, signed
from pull_home import FILES, NAME, Home


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("authority")
    make_authority(folder)
    return folder


@pytest.fixture
def secure(authority, tmp_path):
    """A home whose hub speaks TLS with a certificate for `alternative`."""
    hubs = []

    def make(alternative="IP:127.0.0.1"):
        hubs.append(Hub(FILES, tls=signed(authority, f"hub{len(hubs)}", alternative)))
        home = Home(tmp_path, hubs[-1])
        home.env |= {"CURL_CA_BUNDLE": "", "SSL_CERT_FILE": ""}  # of this machine: none
        return home

    yield make
    for running in hubs:
        running.close()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "CURL_CA_BUNDLE"])
def test_a_model_comes_over_tls(secure, authority, variable):
    home = secure()
    home.env[variable] = str(authority / "ca.pem")
    home.env["HF_TOKEN"] = "hf_secret"
    home.hub.token = "hf_secret"
    home.hub.redirect = True  # to the other server, which must not see the token
    home.pull()
    assert home.is_whole()
    tokens = {role: "Authorization" in headers for role, _, headers in home.hub.requests}
    assert tokens == {"hub": True, "cdn": False}


def test_a_broken_connection_is_resumed(secure, authority):
    home = secure()
    home.env["CURL_CA_BUNDLE"] = str(authority / "ca.pem")
    home.hub.fault = lambda name, count: "drop" if count <= 2 else None
    home.pull()
    assert home.is_whole()


def test_an_unknown_authority_is_refused(secure):
    text = secure().pull_fails()
    assert "certificate" in text


def test_a_certificate_for_another_host_is_refused(secure, authority):
    home = secure("DNS:elsewhere.example")
    home.env["CURL_CA_BUNDLE"] = str(authority / "ca.pem")
    text = home.pull_fails()
    assert "127.0.0.1" in text
    assert not home.hub.requests


def test_a_missing_file_of_authorities_is_named(secure, authority):
    home = secure()
    home.env["CURL_CA_BUNDLE"] = str(authority / "none.pem")
    text = home.pull_fails()
    assert "none.pem" in text


def test_no_step_down_from_tls(secure, authority):
    home = secure()
    home.env["CURL_CA_BUNDLE"] = str(authority / "ca.pem")
    home.hub.redirect = home.hub.cdn.replace("https://", "http://") + "/x"
    assert "less safe" in home.pull_fails()
    assert NAME not in str([path for role, path, _ in home.hub.requests if role == "cdn"])
