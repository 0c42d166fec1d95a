"""A hub with the Hugging Face HTTP interface, on a local port, that misbehaves as it is told to.

It serves files from memory as one repository. `fault` decides for each request of a file what goes
wrong: it gets the name and the how-manieth request for that file it is (from 1), and returns the
name of a fault below, or None.
"""

import hashlib
import http.server
import json
import socket
import threading
import time
import urllib.parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LFS_FROM = 30_000  # bytes; smaller ones are in git itself


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub:
    def __init__(self, files, repo="tester/demo", tls=None):
        self.files = dict(files)
        self.repo = repo
        self.more = {}  # other repositories, of one revision: name -> (commit, files)
        self.commits = {"main": COMMIT, COMMIT: COMMIT, "refs/pr/1": COMMIT}
        self.fault = lambda name, count: None
        self.api_fault = lambda kind, count: None
        self.token = None  # the one that is asked for
        self.gated = False
        self.error_codes = True  # X-Error-Code, as huggingface.co sends it
        self.redirect = None  # True: files come from another server; a text: from that address
        self.page = 1000  # entries of a page of the tree
        self.listed = {}  # name -> what the tree says otherwise: {"size": …} or {"oid": …}
        self.extra_names = []  # siblings with hostile names
        self.block, self.pause = 64 << 10, 0.0  # bytes, seconds: how slowly a body comes
        self.api_block, self.api_pause = 1, 0.0  # bytes, seconds: of what is no file
        self.next_page = False  # there is always one more
        self.requests = []  # (server, path, headers)
        self.sent = 0  # bytes of bodies of files
        self.hold_at = None  # with so many sent no more come until this is None or larger
        self.active = self.most_active = 0
        self._counts = {}
        self._lock = threading.Lock()
        self._tls = tls  # an ssl.SSLContext: https
        self._servers = [self._serve("hub"), self._serve("cdn")]
        self.url, self.cdn = (f"http{'s' if tls else ''}://127.0.0.1:{s.server_address[1]}" for s in self._servers)

    def close(self):
        self.hold_at = None
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def count(self, key):
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1
            return self._counts[key]

    def _serve(self, role):
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub, Handler.role = hub, role
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        if self._tls:  # the handshake on the connection's own thread, at its first read
            server.socket = self._tls.wrap_socket(server.socket, server_side=True,
                                                  do_handshake_on_connect=False)  # fmt: skip
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def tree(self, files=None):
        entries = [{"type": "directory", "path": "onnx", "oid": "0" * 40, "size": 0}]
        for name, data in (self.files if files is None else files).items():
            entry = {"type": "file", "path": name, "oid": git_sha1(data), "size": len(data)}
            if len(data) >= LFS_FROM:
                entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data),
                                "pointerSize": 134}  # fmt: skip
            said = self.listed.get(name, {})
            if "size" in said:
                entry["size"] = said["size"]
            if "oid" in said:
                (entry["lfs"] if "lfs" in entry else entry)["oid"] = said["oid"]
            entries.append(entry)
        return entries


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not self.hub.api_pause:
            self.wfile.write(body)
            return
        try:
            for at in range(0, len(body), self.hub.api_block):
                self.wfile.write(body[at : at + self.hub.api_block])
                time.sleep(self.hub.api_pause)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def error(self, status, code):
        more = {"X_Error_Code": code} if self.hub.error_codes else {}
        self.reply(status, b"\x1b[31m<html>no</html>", **more)

    def do_GET(self):
        hub = self.hub
        url = urllib.parse.urlsplit(self.path)
        hub.requests.append((self.role, self.path, dict(self.headers)))
        if self.role == "cdn":
            return self.file(urllib.parse.unquote(url.path.rsplit("/", 1)[1]))
        if hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self.error(401, "RepoNotFound")
        if hub.gated:
            return self.error(403, "GatedRepo")
        for repo, (commit, files) in hub.more.items():
            if repo in url.path:
                return self.other_repository(repo, commit, files)
        api, resolve = f"/api/models/{hub.repo}", f"/{hub.repo}/resolve/{COMMIT}/"
        if url.path.startswith(resolve):
            name = urllib.parse.unquote(url.path[len(resolve) :])
            if isinstance(hub.redirect, str):
                return self.reply(302, b"moved", Location=hub.redirect)
            if hub.redirect:
                return self.reply(302, b"moved", Location=f"{hub.cdn}/signed/{name}?expires=1")
            return self.file(name)
        if not url.path.startswith(api):
            return self.error(404, "RepoNotFound")
        rest = url.path[len(api) :].strip("/").split("/")
        fault = hub.api_fault(rest[0], hub.count("api " + rest[0]))
        if isinstance(fault, int):
            return self.reply(fault, Retry_After="0")
        if fault is not None:
            more = {"Link": f'<{hub.url}{url.path}?more>; rel="next"'} if hub.next_page else {}
            return self.reply(200, fault, **more)
        if rest[0] == "":
            return self.reply(200, b"{}")
        commit = hub.commits.get(urllib.parse.unquote(rest[1]))
        if commit is None:
            return self.error(404, "RevisionNotFound")
        if rest[0] == "revision":
            names = [*hub.files, "onnx/model.onnx", *hub.extra_names]
            answer = {"sha": commit, "siblings": [{"rfilename": name} for name in names]}
            return self.reply(200, json.dumps(answer).encode())
        start = int(dict(urllib.parse.parse_qsl(url.query)).get("cursor", 0))
        entries = hub.tree()
        more = {}
        if start + hub.page < len(entries):
            more["Link"] = f'<{hub.url}{url.path}?cursor={start + hub.page}>; rel="next"'
        self.reply(200, json.dumps(entries[start : start + hub.page]).encode(), **more)

    def other_repository(self, repo, commit, files):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if path.startswith(f"/api/models/{repo}/revision/"):
            siblings = [{"rfilename": name} for name in files]
            return self.reply(200, json.dumps({"sha": commit, "siblings": siblings}).encode())
        if path == f"/api/models/{repo}/tree/{commit}":
            return self.reply(200, json.dumps(self.hub.tree(files)).encode())
        name = path.removeprefix(f"/{repo}/resolve/{commit}/")
        return self.body(name, files[name], None) if name in files else self.error(404, "EntryNotFound")

    def file(self, name):
        hub = self.hub
        data = hub.files.get(name)
        if data is None:
            return self.error(404, "EntryNotFound")
        with hub._lock:
            hub.active += 1
            hub.most_active = max(hub.most_active, hub.active)
        try:
            self.body(name, data, hub.fault(name, hub.count(name)))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with hub._lock:
                hub.active -= 1

    def body(self, name, data, fault):
        if isinstance(fault, int):
            return self.reply(fault, b"busy", Retry_After="0")
        if fault == "hang up":
            return self.cut()
        first, last = 0, len(data) - 1
        wanted = self.headers.get("Range")
        partial = wanted is not None and fault != "ignore ranges" and len(data) > 0
        if partial:
            first, last = (int(n) for n in wanted.removeprefix("bytes=").split("-"))
            if last >= len(data):
                return self.reply(416)
        if fault == "crumbs" and partial:
            last = first
        part = data[first : last + 1]
        if fault == "wrong bytes":
            part = bytes(b ^ 1 for b in part)
        if fault == "too much":
            part += b"x" * 1000
        total = len(data) + (5 if fault == "lie about the total" else 0)
        length = len(part) // 2 if fault == "lie about the length" else len(part)
        self.send_response(206 if partial else 200)
        if partial:
            at = first + 7 if fault == "other range" else first
            self.send_header("Content-Range", f"bytes {at}-{max(at, last)}/{total}")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        stop = len(part) // 2 if fault in ("drop", "reset", "stall") else length
        for at in range(0, stop, hub_block := self.hub.block):
            block = part[at : min(at + hub_block, stop)]
            while self.hub.hold_at is not None and self.hub.sent >= self.hub.hold_at:
                time.sleep(0.01)
            self.wfile.write(block)
            self.hub.sent += len(block)
            if self.hub.pause:
                time.sleep(self.hub.pause)
        if fault == "stall":
            self.wfile.flush()
            time.sleep(4)
        if fault in ("drop", "stall"):
            self.cut()
        if fault == "reset":
            linger = b"\1\0\0\0\0\0\0\0"  # close() sends RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
