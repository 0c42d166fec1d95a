"""What OpenAI's clients may ask for and this server does not do: a 404 that says what it does."""

import httpx
import openai
import pytest


@pytest.mark.parametrize(
    ("path", "word"),
    [("embeddings", "embeddings"), ("audio/speech", "speaks"), ("audio/transcriptions", "hears"),
     ("images/generations", "draws"), ("images/edits", "draws"), ("moderations", "moderates"), ("files", "files"),
     ("files/f1/content", "files"), ("fine_tuning/jobs", "trains"), ("assistants", "assistants"),
     ("threads/t1/runs", "threads"), ("vector_stores", "vector stores"), ("batches", "ocellus batch"),
     ("conversations", "previous_response_id"), ("videos", "videos"), ("uploads", "files")],
)  # fmt: skip
def test_what_is_not_served_says_what_is(server, path, word):
    for method in ("POST", "GET", "DELETE"):
        answer = httpx.request(method, f"{server.url}/v1/{path}")
        assert answer.status_code == 404
        error = answer.json()["error"]
        assert error["code"] == "unknown_url" and word in error["message"]
        for served in ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/models"):
            assert served in error["message"]
    assert "/v1/models" in httpx.get(server.url + "/v1/nothing").json()["error"]["message"]


def test_the_library_says_so_too(client):
    with pytest.raises(openai.NotFoundError) as error:
        client.embeddings.create(model="", input="x")
    assert "makes no embeddings" in error.value.message
