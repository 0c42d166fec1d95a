"""Addresses of pictures that lead where they should not, and hosts that answer as nobody wants: each is
refused, nothing within the network is asked, and the server goes on."""

import pytest

from conftest import Server, data_uri, drawing
from hostile_pictures import PICTURES, PictureHost, endless, picture, redirect, resolver, status
from test_remote_images import FETCH, ask, refusal

NOT_PUBLIC = "not in the public internet"
PORT = "usual port only"


@pytest.fixture(scope="module")
def inner():
    """What nobody may reach."""
    running = PictureHost({"/a.png": picture(drawing(1))}, host="127.0.0.1")
    yield running
    assert running.heads == []
    running.close()


@pytest.fixture(scope="module")
def host():
    running = PictureHost({"/a.png": picture(drawing(1))})
    yield running
    running.close()


@pytest.fixture(scope="module")
def server():
    running = Server(*FETCH, "--remote-image-seconds", "600")
    yield running
    assert ask(running, data_uri(drawing(1))).status_code == 200
    running.end()


def forms_of(port):
    """127.0.0.1 and its like, as they may be written."""
    for name in ("127.0.0.1", "localhost", "127.0.0.1.", "LOCALHOST.", "127.0.0.3", "0.0.0.0", "[::1]", "[::]",
                 "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
                 "[2002:7f00:1::]", "[0:0:0:0:0:ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "192.168.0.1",
                 "172.16.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "[fe80::1]", "[fd00::1]",
                 "[ff02::1]"):  # fmt: skip
        yield f"http://{name}:{port}/a.png", PORT
        yield f"http://{name}/a.png", NOT_PUBLIC
    for name in ("2130706433", "017700000001", "0x7f000001", "0177.0.0.1", "0x7f.0.0.1", "127.1", "127.0.1", "0",
                 "127.0.0.01", "0x7f.1", "127.0.0.0x1"):  # fmt: skip
        yield f"http://{name}:{port}/a.png", "usual form"
    for text in ("http://127.0.0.2\\@127.0.0.1:{}/a.png", "http://127.0.0.1:{}\\@127.0.0.2/a.png",
                 "http:\\\\127.0.0.1:{}/a.png", "http:/127.0.0.1:{}/a.png", "http:127.0.0.1:{}/a.png",
                 "http://127.0.0.1:{}/a b", "http://①②⑦.0.0.1:{}/a.png", "http://127。0。0。1:{}/a.png",
                 "http://127.0.0.1\t:{}/a.png"):  # fmt: skip
        yield text.format(port), "no URL"
    for text in ("http://127.0.0.2@127.0.0.1:{}/a.png", "http://a:b@127.0.0.1:{}/a.png", "http://@127.0.0.1:{}/",
                 "http://127.0.0.2:80@127.0.0.1:{}/a.png"):  # fmt: skip
        yield text.format(port), "user"
    for text in ("http://%6c%6fcalhost:{}/a.png", "http://127.0.0.%31:{}/a.png", "http://[::1%25lo]:{}/a.png",
                 "http://[::1:{}/a.png", "http://a..b:{}/", "http://127.0.0.2%00.127.0.0.1:{}/"):  # fmt: skip
        yield text.format(port), "host"


def test_no_form_of_an_address_leads_in(server, inner):
    for url, why in forms_of(inner.port):
        told = refusal_of_any(ask(server, url))
        assert why in told, (url, told)


def refusal_of_any(response):
    """At once, or when its host is looked at."""
    code = response.json()["error"]["code"]
    assert code in ("image_not_fetched", "invalid_value")
    return refusal(response, code)


@pytest.mark.parametrize("number", [301, 302, 303, 307, 308])
def test_no_redirect_leads_in(server, inner, host, number):
    for url, _ in [*forms_of(inner.port), ("file:///etc/passwd", ""), (f"ftp://127.0.0.1:{inner.port}/", ""),
                   (f"gopher://127.0.0.1:{inner.port}/", ""), (f"//127.0.0.1:{inner.port}/a.png", ""),
                   (f"dict://127.0.0.1:{inner.port}/", "")]:  # fmt: skip
        host.answers["/out"] = redirect(url.encode().decode("latin-1").replace("\n", ""), number)
        host.answers["/twice"] = redirect("/out", number)
        before = len(host.heads)
        refusal(ask(server, host.url("/out")))
        refusal(ask(server, host.url("/twice")))
        assert len(host.heads) == before + 3


def test_a_redirect_that_is_right_is_followed_three_times(server, host):
    host.answers |= {f"/{i}": redirect(host.url(f"/{i - 1}") if i % 2 else f"{i - 1}") for i in range(1, 6)}
    host.answers["/0"] = picture(drawing(1))
    assert ask(server, host.url("/3")).status_code == 200
    assert "more than 3 times" in refusal(ask(server, host.url("/4")))
    host.answers["/again"] = redirect("/again")
    assert "more than 3 times" in refusal(ask(server, host.url("/again")))


def test_names_that_lead_in_or_change(inner, host, tmp_path):
    names = {
        "inner.example": "127.0.0.1",
        "mapped.example": "::ffff:127.0.0.1",
        "mixed.example": f"{PICTURES},127.0.0.1",
        "six.example": f"{PICTURES},::1",
        "changing.example": f"{PICTURES};127.0.0.1",
        "changes-back.example": f"127.0.0.1;{PICTURES}",
        "metadata.example": "169.254.169.254",
        "good.example": PICTURES,
    }
    env = resolver(tmp_path, names)
    running = Server(*FETCH, env=env)
    try:
        # Both servers have the port: it is the address that counts.
        inside = PictureHost({"/a.png": picture(drawing(1))}, host="127.0.0.1")
        for name in ("inner", "mapped", "mixed", "six", "metadata"):
            assert PORT in refusal(ask(running, host.url(host=f"{name}.example"))), name
            assert NOT_PUBLIC in refusal(ask(running, f"http://{name}.example/")), name
            host.answers["/out"] = redirect(inside.url(host=f"{name}.example"))
            refusal(ask(running, host.url("/out")))
        assert ask(running, host.url(host="good.example")).status_code == 200
        # Looked up once: what the name leads to afterwards is not connected to.
        assert ask(running, host.url(host="changing.example")).status_code == 200
        assert PORT in refusal(ask(running, host.url(host="changing.example")))
        # What is refused is refused, whatever the next answer is.
        assert PORT in refusal(ask(running, host.url(host="changes-back.example")))
        assert ask(running, host.url(host="changes-back.example")).status_code == 200
        assert inside.heads == []
        inside.close()
    finally:
        running.end()


def test_where_a_name_leads_is_not_told(host, tmp_path):
    env = resolver(tmp_path, {"intern.example": "10.11.12.13"})
    running = Server(*FETCH, env=env)
    response = ask(running, "http://intern.example/")
    assert NOT_PUBLIC in refusal(response) and "10.11" not in response.text
    running.end()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "a body without an end": (b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536)),
    "chunks without an end": (CHUNKED, b"10000\r\n" + bytes(65536) + b"\r\n"),
    "a length that is a lie": (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", bytes(65536)),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_bodies_without_an_end(server, host, kind):
    host.answers["/endless"] = endless(*ENDLESS[kind])
    host.left.clear()
    told = refusal(ask(server, host.url("/endless")), "image_too_large", 413)
    assert str(10 << 20) in told
    assert host.left.wait(60)


def test_heads_without_an_end(server, host):
    for first, again in ((b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 1000 + b"\r\n"),
                         (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"), (b"HTTP/1.1 200 OK\r\nX: ", b"a" * 1000)):  # fmt: skip
        host.answers["/endless"] = endless(first, again)
        host.left.clear()
        refusal(ask(server, host.url("/endless")))
        assert host.left.wait(60)


def test_bodies_that_do_not_come(host):
    """The time is over whatever drips."""
    running = Server(*FETCH, "--remote-image-seconds", "0.2")
    slow = PictureHost()
    for first in ((), (b"HTTP/1.1 200 OK\r\n",), (b"HTTP/1.1 200 OK\r\n\r\n", b"a"), (CHUNKED, b"1\r\na\r\n"),
                  (b"HTTP/1.1 302 Found\r\nLocation: /",)):  # fmt: skip
        slow.answers["/a.png"] = slow.silent(*first)
        slow.left.clear()
        told = refusal(ask(running, slow.url()))
        assert "did not come within 0.2 s" in told and "--remote-image-seconds" in told
        assert slow.left.wait(60)
    # A redirect gives no more of it.
    slow.answers["/again"] = redirect("/a.png")
    assert "did not come within 0.2 s" in refusal(ask(running, slow.url("/again")))
    slow.close()
    running.end()


def test_answers_that_are_no_picture(server, host):
    host.answers |= {
        "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc",
        "/long": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef",
        "/cut": CHUNKED + b"10\r\nabc",
        "/bad-chunk": CHUNKED + b"zz\r\nabc\r\n",
        "/empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "/nothing": b"",
        "/ssh": b"SSH-2.0-OpenSSH_9.2p1\r\n",
        "/redis": b"-ERR unknown command\r\n",
        "/nowhere": status(302),
        "/partly": status(206),
        "/packed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        "/keep": b"HTTP/1.1 304 Not Modified\r\n\r\n",
        "/denied": status(401, "WWW-Authenticate: Basic"),
        "/error": status(500),
    }
    for path in list(host.answers):
        if path in ("/a.png", "/out", "/twice") or path[1:].isdigit() or path in ("/again", "/endless"):
            continue
        response = ask(server, host.url(path))
        assert response.status_code in (400, 415), (path, response.text)
        assert "secret text" not in response.text
        assert response.json()["error"]["param"] == "messages[0].content[0].image_url.url"
    assert "status 401" in refusal(ask(server, host.url("/denied")))
    assert "broke off" in refusal(ask(server, host.url("/short")))
    gone = PictureHost()
    gone.close()
    assert "gave no answer" in refusal(ask(server, gone.url()))


def test_other_ports_of_hosts_that_are_not_named(server):
    """22, 25, 6379 and the like: the port is looked at before anybody is asked."""
    for port in (22, 25, 6379, 11211, 8080, 443):
        told = refusal(ask(server, f"http://8.8.8.8:{port}/"))
        assert PORT in told and "--remote-images-allow HOST" in told
    assert "--remote-images-allow HOST" in refusal(ask(server, "http://127.0.0.1/a.png"))
