"""A server that keeps what it is sent."""

import json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

seen = []


class H(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        seen.append(json.loads(body))
        out = json.dumps({"error": {"message": "enough", "type": "invalid_request_error"}}).encode()
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    def log_message(self, *a):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), H)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}/v1"


def schema_of(body):
    rf = body.get("response_format")
    if rf and rf.get("type") == "json_schema":
        return rf["json_schema"]["schema"]
    if rf and "schema" in rf:
        return rf["schema"]
    if body.get("text", {}).get("format", {}).get("schema"):
        return body["text"]["format"]["schema"]
    if body.get("tools"):
        f = body["tools"][0]
        f = f.get("function", f)
        return f["parameters"]
    if body.get("functions"):
        return body["functions"][0]["parameters"]
    return None


def take(call):
    seen.clear()
    try:
        call()
    except Exception:  # the client has no use for the answer
        pass
    for b in seen:
        s = schema_of(b)
        if s is not None:
            return s
    return None if not seen else {"!": str(seen[0])[:200]}
