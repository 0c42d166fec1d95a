"""How many frames of a camera `ocellus serve` answers a second, where a newer frame comes instead
of one that waits: frames are sent faster than they can be answered, each a new picture. Sent slower
than that (--every 2), the seconds are those of a camera's picture alone."""

import argparse
import http.client
import json
import statistics
import threading
import time

import chat


def main():
    asked = argparse.ArgumentParser()
    asked.add_argument("port", type=int)
    asked.add_argument("--answer", type=int, default=20, help="tokens")
    asked.add_argument("--picture", type=int, nargs=2, default=(640, 480))
    asked.add_argument("--every", type=float, default=0.1, help="seconds between frames")
    asked.add_argument("--frames", type=int, default=100)
    args = asked.parse_args()
    body = {"max_tokens": args.answer, "temperature": 0, "draft_tokens": 0}
    body |= {"stream_key": "camera", "policy": "latest_wins", "do_image_splitting": 0}
    ended, seconds, refused = [], [], []

    def send(text):
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", args.port, timeout=60)
        path, kind = "/v1/chat/completions", {"Content-Type": "application/json"}
        connection.request("POST", path, text, kind)
        reply = connection.getresponse()
        text = json.loads(reply.read())
        if reply.status == 200:
            assert text["usage"]["completion_tokens"] == args.answer, text
            ended.append(time.perf_counter())
            seconds.append(ended[-1] - began)
        else:
            refused.append(f"{reply.status} {text['error'].get('code')}")

    # made first, so that their making takes nothing from the server
    texts = [
        json.dumps(body | {"messages": [chat.message(5, args.picture)]})
        for _ in range(args.frames)
    ]
    began, threads = time.perf_counter(), []
    for number, text in enumerate(texts):
        time.sleep(max(0, began + number * args.every - time.perf_counter()))
        threads.append(threading.Thread(target=send, args=[text]))
        threads[-1].start()
    for thread in threads:
        thread.join()
    rate = len(ended) / (max(ended) - began)
    print(f"{len(texts)} frames sent, {len(ended)} answered: {rate:.2f} a second;", end=" ")
    print({kind: refused.count(kind) for kind in set(refused)})
    print(f"an answer: median {statistics.median(seconds):.3f} s, {min(seconds):.3f} to {max(seconds):.3f}")


if __name__ == "__main__":
    main()
