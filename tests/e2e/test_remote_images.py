"""Pictures that a request names by address (--allow-remote-images) or path (--media-root). What hostile hosts
do is in test_remote_images_hostile.py."""

import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from certificates import make_authority, signed
from conftest import START_SECONDS, data_uri, drawing, eventually, text_part, user
from hostile_pictures import PICTURES, PictureHost, picture

QUESTION = "Which shapes are in the picture?"
FETCH = ("--allow-remote-images=http", "--remote-images-allow", PICTURES)


def anthropic_body(url):
    source = {"type": "url", "url": url}
    content = [{"type": "image", "source": source}, {"type": "text", "text": QUESTION}]
    return {"model": "", "max_tokens": 20, "messages": [{"role": "user", "content": content}]}


def openai_body(*urls, **more):
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {"messages": [user(*parts, text_part(QUESTION))], "max_tokens": 20, "temperature": 0, **more}


DIALECTS = {
    "/v1/chat/completions": openai_body,
    "/v1/messages": anthropic_body,
    "/v1/query": lambda url: {"image_url": url, "question": QUESTION},
    "/v1/images/plan": openai_body,
}


def post(server, path, body, **options):
    return httpx.post(server.url + path, json=body, timeout=START_SECONDS, **options)


def ask(server, *urls, **options):
    return post(server, "/v1/chat/completions", openai_body(*urls), **options)


def text_of(response):
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["message"]["content"]


def refusal(response, code="image_not_fetched", status=400):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == code, error
    return error["message"]


@pytest.fixture(scope="module")
def host():
    running = PictureHost({f"/{i}.png": picture(drawing(i)) for i in range(10)})
    yield running
    running.close()


@pytest.fixture(scope="module")
def fetching():
    from conftest import Server

    running = Server(*FETCH)
    yield running
    running.end()


@pytest.mark.parametrize("path", DIALECTS)
def test_nothing_is_fetched_unless_it_is_asked_for(server, host, path):
    before = len(host.heads)
    for url in (host.url("/1.png"), "https://example.org/a.png"):
        response = post(server, path, DIALECTS[path](url))
        assert response.status_code == 400 and "--allow-remote-images" in response.text
    assert "--media-root" in post(server, path, DIALECTS[path]("file:///etc/passwd")).text
    assert len(host.heads) == before


@pytest.mark.parametrize("path", [path for path in DIALECTS if path != "/v1/query"])
def test_a_picture_is_fetched_in_every_dialect(fetching, host, path):
    """Moondream's question is answered by its own family only: the picture's place is the same."""
    sent = post(fetching, path, DIALECTS[path](data_uri(drawing(3))))
    fetched = post(fetching, path, DIALECTS[path](host.url("/3.png")))
    assert sent.status_code == fetched.status_code == 200, fetched.text
    if path == "/v1/chat/completions":
        assert text_of(sent) == text_of(fetched)
    if path == "/v1/messages":
        assert sent.json()["content"] == fetched.json()["content"]


def test_nothing_of_the_client_goes_there(fetching, host):
    secrets = {"Authorization": "Bearer secret-key", "Cookie": "a=secret", "X-Api-Key": "secret",
               "User-Agent": "secret", "Referer": "http://localhost/secret"}  # fmt: skip
    assert ask(fetching, host.url("/1.png?q=%20x#part"), headers=secrets).status_code == 200
    names = [line.partition(":")[0] for line in host.heads[-1].split("\r\n")[1:] if line]
    assert host.heads[-1].startswith("GET /1.png?q=%20x HTTP/1.1\r\n")
    assert names == ["Host", "User-Agent", "Accept", "Accept-Encoding"] and "secret" not in host.heads[-1]


def test_an_address_is_no_key_of_a_cache(fetching, host):
    """The same address, another picture: another answer; and it is asked each time."""
    answers = {}
    for number in (1, 2, 1):
        host.answers["/changing.png"] = picture(drawing(number))
        before = len(host.heads)
        answers.setdefault(number, set()).add(text_of(ask(fetching, host.url("/changing.png"))))
        assert len(host.heads) == before + 1
    assert answers[1] == {text_of(ask(fetching, data_uri(drawing(1))))}
    assert answers[2] == {text_of(ask(fetching, data_uri(drawing(2))))}


def test_bytes_say_what_it_is(fetching, host):
    host.answers["/page"] = picture(drawing(1), "text/html")
    assert text_of(ask(fetching, host.url("/page"))) == text_of(ask(fetching, data_uri(drawing(1))))
    host.answers["/lie.png"] = picture(b"<html>secret</html>", "image/png")
    response = ask(fetching, host.url("/lie.png"))
    assert response.status_code in (400, 415) and "secret" not in response.text
    assert response.json()["error"]["param"] == "messages[0].content[0].image_url.url"


def test_several_in_their_order(fetching, host):
    urls = [host.url("/1.png"), data_uri(drawing(4)), host.url("/2.png")]
    sent = [data_uri(drawing(1)), data_uri(drawing(4)), data_uri(drawing(2))]
    assert text_of(ask(fetching, *urls)) == text_of(ask(fetching, *sent))


def test_how_many_and_how_much(start, host):
    server = start(*FETCH, "--max-remote-images", "3", "--max-remote-picture-mb", "12")
    noise = os.urandom(11 << 20)
    host.answers["/large"] = picture(noise)
    host.answers["/larger"] = picture(noise + noise)
    before = len(host.heads)
    told = refusal(ask(server, *[host.url("/1.png")] * 4), "invalid_value")
    assert "more than 3 pictures" in told and "--max-remote-images" in told and len(host.heads) == before
    assert "--max-remote-picture-mb" in refusal(ask(server, host.url("/larger")), "image_too_large", 413)
    # Three of 11 MiB are over the 32 MiB of a request.
    told = refusal(ask(server, *[host.url("/large")] * 3), "image_too_large", 413)
    assert f"{32 << 20} bytes together" in told
    assert len(host.heads) == before + 1 + 3


def test_a_guest_has_nothing_fetched(start, host, tmp_path):
    (tmp_path / "a.png").write_bytes(drawing(1))
    server = start("--config", "demo", *FETCH, "--media-root", str(tmp_path))
    before = len(host.heads)
    page = {"Origin": "http://localhost:5500"}
    for url in (host.url("/1.png"), "a.png"):
        told = refusal(ask(server, url, headers=page), "origin_not_allowed", 403)
        assert "data:image" in told
        assert ask(server, url).status_code == 200
    assert ask(server, data_uri(drawing(1)), headers=page).status_code == 200
    assert len(host.heads) == before + 1


def test_https_alone_without_more(start, host, tmp_path):
    make_authority(tmp_path)
    secure = PictureHost({"/1.png": picture(drawing(1))}, tls=signed(tmp_path, "host", f"IP:{PICTURES}"))
    other = PictureHost({"/1.png": picture(drawing(1))}, tls=signed(tmp_path, "other", "IP:127.0.0.9"))
    down = host.url("/1.png")
    secure.answers["/down"] = f"HTTP/1.1 302 Found\r\nLocation: {down}\r\nContent-Length: 0\r\n\r\n".encode()
    server = start("--remote-images-allow", PICTURES, "--allow-remote-images",
                   env={"CURL_CA_BUNDLE": str(tmp_path / "ca.pem")})  # fmt: skip
    before = len(host.heads)
    assert "--allow-remote-images=http" in refusal(ask(server, down), "invalid_value")
    assert ask(server, secure.url("/1.png")).status_code == 200
    assert "certificate" in refusal(ask(server, other.url("/1.png")))
    assert "https only" in refusal(ask(server, secure.url("/down")))
    both = start(*FETCH, env={"CURL_CA_BUNDLE": str(tmp_path / "ca.pem")})
    assert "from https to http" in refusal(ask(both, secure.url("/down")))
    assert not other.heads and len(host.heads) == before
    secure.close()
    other.close()


def test_no_proxy_is_asked(start, host):
    proxy = PictureHost(host=PICTURES)
    env = {name: proxy.url("") for name in ("http_proxy", "https_proxy", "all_proxy", "HTTPS_PROXY", "ALL_PROXY")}
    server = start(*FETCH, env=env)
    assert ask(server, host.url("/1.png")).status_code == 200
    assert not proxy.heads
    proxy.close()


def test_a_client_that_leaves_takes_the_fetch_with_it(fetching):
    slow = PictureHost()
    slow.answers["/a.png"] = slow.silent(b"HTTP/1.1 200 OK\r\n\r\n")
    body = httpx.Request("POST", fetching.url, json=openai_body(slow.url())).content
    connection = socket.create_connection(("127.0.0.1", fetching.port))
    connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n" % len(body) + body)  # fmt: skip
    eventually(lambda: slow.heads)
    connection.close()
    assert slow.left.wait(START_SECONDS)
    slow.close()


def hold_fetchers(server, url, count, *headers):
    """Asks so often for a picture that does not come."""
    body = httpx.Request("POST", server.url, json=openai_body(url)).content
    head = [b"POST /v1/chat/completions HTTP/1.1", b"Host: localhost", b"Content-Type: application/json", *headers,
            b"Content-Length: %d" % len(body)]  # fmt: skip
    connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(count)]
    for connection in connections:
        connection.sendall(b"\r\n".join([*head, b"", body]))
    return connections


def test_slow_hosts_hold_nobody_up(start):
    """More of them than a client may wait for at a time: nobody else waits for them, be it a picture from
    elsewhere that they ask for, one that they send, or only words."""
    slow = PictureHost({"/b.png": picture(drawing(1))})
    slow.answers["/a.png"] = slow.silent()
    server = start(*FETCH, "--remote-image-seconds", "600")
    connections = hold_fetchers(server, slow.url(), 40, b"Authorization: Bearer made-up", b"X-Api-Key: too")
    eventually(lambda: len(slow.open) == 8)
    assert httpx.get(server.url + "/health").status_code == 200
    assert ask(server).status_code == 200
    assert ask(server, data_uri(drawing(1))).status_code == 200
    # A client without a key is an address, whatever it shows as one.
    for other in ("203.0.113.7", "203.0.113.8"):
        assert ask(server, slow.url("/b.png"), headers={"X-Forwarded-For": other}).status_code == 200
        eventually(lambda: len(slow.open) == 8)
    assert slow.most_open == 8 + 1
    for connection in connections:
        connection.close()
    assert ask(server, slow.url("/b.png")).status_code == 200
    slow.close()


def test_fetchers_are_shared_among_keys(start):
    slow = PictureHost({"/b.png": picture(drawing(1))})
    slow.answers["/a.png"] = slow.silent()
    server = start(*FETCH, "--remote-image-seconds", "600", *[f"--api-key={key}" for key in "abc"])
    connections = hold_fetchers(server, slow.url("/a.png?a"), 20, b"Authorization: Bearer a")
    eventually(lambda: len(slow.open) == 8)
    connections += hold_fetchers(server, slow.url("/a.png?b"), 20, b"X-Api-Key: b")
    eventually(lambda: len(slow.open) == 8 + 4)
    assert ask(server, slow.url("/b.png"), headers={"X-Api-Key": "c"}).status_code == 200
    asked = [head.split()[1] for head in slow.heads]
    assert [asked.count(path) for path in ("/a.png?a", "/a.png?b", "/b.png")] == [8, 4, 1]
    for connection in connections:
        connection.close()
    slow.close()


def test_who_waits_for_a_fetcher_waits_no_longer_than_an_answer_may_take(start):
    slow = PictureHost()
    slow.answers["/a.png"] = slow.silent()
    server = start(*FETCH, "--remote-image-seconds", "600", "--time-limit", "1")
    with ThreadPoolExecutor(40) as pool:
        responses = list(pool.map(lambda _: ask(server, slow.url()), range(40)))
    assert {response.status_code for response in responses} == {504}
    # Those that come when the first are over may get a fetcher yet.
    during = re.compile("out of time during (the wait to fetch|fetching) a picture")
    assert all(during.search(response.text) for response in responses)
    slow.close()


def test_the_log_tells_the_host_and_no_more(fetching, host):
    refusal(ask(fetching, host.url("/secret-path?token=secret")))
    log = fetching.settled_log()
    [line] = [line for line in log if 'event="not fetched" host=' in line and "status 404" in line]
    assert f"host={PICTURES}" in line and "req=" in line
    assert not any("secret-path" in line or "token=secret" in line for line in log)


# --- files


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    (folder / "open/sub").mkdir(parents=True)
    (folder / "open/a.png").write_bytes(drawing(1))
    (folder / "open/sub/b c.png").write_bytes(drawing(2))
    (folder / "secret.png").write_bytes(drawing(3))
    return folder


@pytest.fixture(scope="module")
def reading(media):
    from conftest import Server

    running = Server("--media-root", str(media / "open"))
    yield running
    running.end()


def test_files_below_the_folder(reading, media):
    first, second = (text_of(ask(reading, data_uri(drawing(number)))) for number in (1, 2))
    for url in ("a.png", str(media / "open/a.png"), f"file://{media}/open/a.png"):
        assert text_of(ask(reading, url)) == first
    for url in ("sub/b c.png", f"file://{media}/open/sub/b%20c.png"):
        assert text_of(ask(reading, url)) == second
    assert post(reading, "/v1/messages", anthropic_body("a.png")).status_code == 200
    # The network is another matter.
    assert "--allow-remote-images" in refusal(ask(reading, "https://example.org/"), "invalid_value")


def test_and_no_others(reading, media):
    root = media / "open"
    (root / "out.png").symlink_to("../secret.png")
    (root / "absolute.png").symlink_to(media / "secret.png")
    (root / "up").symlink_to("..")
    os.mkfifo(root / "pipe")
    for url in ("../secret.png", "sub/../../secret.png", str(media / "secret.png"), "out.png", "absolute.png",
                "up/secret.png", "pipe", "sub", "", "/proc/self/environ", "file:///proc/self/environ",
                "file:///etc/passwd", "/etc/passwd", f"file://{root}/%2e%2e/secret.png",
                f"{root}/../secret.png", "file://elsewhere/a.png", "none.png", "a.png\0", "/dev/stdin",
                "\\\\host\\share\\a.png", "a.png/."):  # fmt: skip
        response = ask(reading, url)
        assert response.status_code == 400, (url, response.text)
        told = response.json()["error"]["message"]
        assert str(media) not in told and "root:" not in told, told
    # What is a picture as bare base64 is told what is missing, as without a folder.
    assert "data:image" in ask(reading, "/9j/" + "A" * 8000).json()["error"]["message"]


def test_a_folder_that_is_not_there_is_told_at_the_start(tmp_path):
    from test_cli import failure

    told = failure("serve", "--model", "demo", "--port", "0", "--media-root", str(tmp_path / "none"))
    assert "--media-root" in told and "none" in told
    told = failure("serve", "--model", "demo", "--remote-images-allow", "http://a", code=2)
    assert "server.remote_images_allow" in told or "--remote-images-allow" in told
