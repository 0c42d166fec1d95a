"""Servers on this machine that have pictures, or say they have, and a resolver that says what a test wants."""

import contextlib
import itertools
import shutil
import socket
import subprocess
import threading

PICTURES = "127.0.0.2"  # is on the list of hosts that may be asked; 127.0.0.1 and the others are not


class PictureHost:
    """Answers each path with bytes, or by a function that is given the connection. Every request's head is
    kept. `tls`: a context."""

    def __init__(self, answers=None, host=PICTURES, tls=None):
        self.answers = answers or {}
        self.heads = []
        self.open, self.most_open = set(), 0
        self.left = threading.Event()  # a client has gone before it was told all
        self._lock = threading.Lock()
        self._tls = tls
        self._socket = socket.create_server((host, 0), backlog=200)
        self.host, self.port = self._socket.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path="/a.png", host=None, scheme=None):
        scheme = scheme or ("https" if self._tls else "http")
        return f"{scheme}://{host or self.host}:{self.port}{path}"

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head:
                more = connection.recv(65536)
                if not more:
                    return
                head += more
            with self._lock:
                self.heads.append(head.decode())
                self.open.add(connection)
                self.most_open = max(self.most_open, len(self.open))
            try:
                path = head.split()[1].decode()
                answer = self.answers.get(path.partition("?")[0], status(404))
                if callable(answer):
                    answer(connection)
                else:
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                self.left.set()
            finally:
                with self._lock:
                    self.open.discard(connection)

    def silent(self, *first):
        """Says so much, and then nothing, until the client has gone."""

        def answer(connection):
            for part in first:
                connection.sendall(part)
            while connection.recv(65536):
                pass
            self.left.set()

        return answer

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)  # or whoever waits in accept() takes one more
        self._socket.close()


def endless(first, again):
    """Never stops."""

    def answer(connection):
        connection.sendall(first)
        for _ in itertools.count():
            connection.sendall(again)

    return answer


def picture(data, kind="image/png"):
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def status(number, *lines, body=b"secret text of another server"):
    head = "\r\n".join([f"HTTP/1.1 {number} Status", *lines, f"Content-Length: {len(body)}"])
    return head.encode() + b"\r\n\r\n" + body


def redirect(to, number=302):
    return status(number, f"Location: {to}")


_RESOLVER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* $RESOLVER_NAMES: "name=address,address;address other=address": what is said the first time, the second, …
   and from then on. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { char name[256]; int calls; } seen[64];
static int call_of(const char *name) {
  int i = 0;
  pthread_mutex_lock(&lock);
  while (seen[i].name[0] && strcmp(seen[i].name, name)) ++i;
  strcpy(seen[i].name, name);
  int call = seen[i].calls++;
  pthread_mutex_unlock(&lock);
  return call;
}
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out) {
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
      dlsym(RTLD_NEXT, "getaddrinfo");
  const char *names = getenv("RESOLVER_NAMES");
  char copy[4096], *save = 0, *inner = 0;
  if (!node || !names) return real(node, service, hints, out);
  snprintf(copy, sizeof copy, "%s", names);
  for (char *entry = strtok_r(copy, " ", &save); entry; entry = strtok_r(0, " ", &save)) {
    char *equals = strchr(entry, '=');
    size_t length = (size_t)(equals - entry);
    if (strlen(node) != length || strncmp(entry, node, length)) continue;
    char *answer = equals + 1;
    for (int call = call_of(node); call > 0 && strchr(answer, ';'); --call) answer = strchr(answer, ';') + 1;
    answer[strcspn(answer, ";")] = 0;
    struct addrinfo numeric = {0}, **end = out;
    if (hints) numeric.ai_socktype = hints->ai_socktype;
    numeric.ai_flags = AI_NUMERICHOST;
    *out = 0;
    for (char *one = strtok_r(answer, ",", &inner); one; one = strtok_r(0, ",", &inner)) {
      if (real(one, service, &numeric, end)) return EAI_FAIL;
      while (*end) end = &(*end)->ai_next;
    }
    return *out ? 0 : EAI_NONAME;
  }
  return real(node, service, hints, out);
}
"""


def resolver(folder, names):
    """The environment in which a program is told these addresses."""
    compiler = shutil.which("cc") or shutil.which("clang") or shutil.which("gcc")
    assert compiler, "the tests of names that lead elsewhere want a C compiler (tools/install_deps.sh test)"
    source, library = folder / "resolver.c", folder / "resolver.so"
    source.write_text(_RESOLVER)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), "RESOLVER_NAMES": " ".join(f"{a}={b}" for a, b in names.items())}
