"""A server with OpenAI's API that is not ours, for the verbs that ask any."""

import http.server
import json
import threading
import time


class Stranger(http.server.ThreadingHTTPServer):
    """Says yes to everything: as a stream where one is asked for, if it knows streams."""

    daemon_threads = True

    def __init__(self, streams=True, pause=0.0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.streams, self.pause, self.bodies, self.refuse = streams, pause, [], None
        self.models = 200, {"data": [{"id": "stranger"}, {"id": "other"}]}
        self.says = lambda number: "Yes"  # to its question of that number, from 1
        self.fails = lambda number: None  # or status, what stands in the reply, and its headers
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, status, body, headers=None):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/v1/models":
            return self.reply(*self.server.models)
        self.reply(404, {"error": {"message": "no such page"}})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        number = len(self.server.bodies)
        if self.server.refuse and len(self.server.bodies) > self.server.refuse:
            return self.reply(401, {"error": {"message": "the key has ended"}})
        usage = {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21}
        time.sleep(self.server.pause)
        if failure := self.server.fails(number):
            return self.reply(*failure)
        answer = self.server.says(number)
        if not (body.get("stream") and self.server.streams):
            message = {"role": "assistant", "content": answer}
            return self.reply(200, {"choices": [{"message": message, "finish_reason": "stop"}],
                                    "usage": usage})  # fmt: skip
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in ({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
                      {"choices": [{"index": 0, "delta": {"content": answer}}]},
                      {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
                      {"choices": [], "usage": usage}):  # fmt: skip
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        self.wfile.write(b"data: [DONE]\n\n")
