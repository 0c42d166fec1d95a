"""What OpenAI's clients may ask for and this server does not do: a 404 that says what it does."""

import httpx
import ollama
import openai
import pytest


@pytest.mark.parametrize(
    ("path", "word"),
    [("embeddings", "embeddings"), ("audio/speech", "speaks"), ("audio/transcriptions", "hears"),
     ("images/generations", "draws"), ("images/edits", "draws"), ("moderations", "moderates"), ("files", "files"),
     ("files/f1/content", "files"), ("fine_tuning/jobs", "trains"), ("assistants", "assistants"),
     ("threads/t1/runs", "threads"), ("vector_stores", "vector stores"), ("batches", "ocellus batch"),
     ("conversations", "previous_response_id"), ("videos", "videos"), ("uploads", "files"), ("rerank", "ranks")],
)  # fmt: skip
def test_what_is_not_served_says_what_is(server, path, word):
    for method in ("POST", "GET", "DELETE"):
        for written in ("/v1/", "/", "//v1//", "/v1/v1/"):
            answer = httpx.request(method, f"{server.url}{written}{path}/")
            assert answer.status_code == 404, written
            error = answer.json()["error"]
            assert error["code"] == "unknown_url" and word in error["message"], written
            for served in ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/models"):
                assert served in error["message"]
    assert "/v1/models" in httpx.get(server.url + "/v1/nothing").json()["error"]["message"]


def test_the_library_says_so_too(client):
    with pytest.raises(openai.NotFoundError) as error:
        client.embeddings.create(model="", input="x")
    assert "makes no embeddings" in error.value.message


@pytest.mark.parametrize("path, word", [("/completion", "/v1/completions"), ("/embedding", "embeddings"), ("/infill", "fills")])
def test_llama_cpps_own_routes_too(server, path, word):
    answer = httpx.post(server.url + path, json={"prompt": "a", "n_predict": 4})
    assert answer.status_code == 404 and word in answer.json()["error"]["message"]


def test_each_in_the_shape_of_its_dialect(server):
    batches = httpx.post(f"{server.url}/v1/messages/batches", json={})
    assert batches.status_code == 404 and batches.json()["type"] == "error"
    assert "ocellus batch" in batches.json()["error"]["message"]
    for path in ("/api/embed", "/api/embeddings"):
        answer = httpx.post(server.url + path, json={"model": "", "input": "x"})
        assert answer.status_code == 501 and "embeddings" in answer.json()["error"], path


def test_an_address_with_v1_whose_client_wants_it_without(server):
    """Of a client that asks for what lies beside /v1."""
    with pytest.raises(ollama.ResponseError) as error:
        ollama.Client(host=server.url + "/v1").chat("default", messages=[{"role": "user", "content": "?"}])
    assert error.value.status_code == 404
    assert "/api/chat is there: leave /v1 out of the address" in error.value.error
    for path in ("/api/tags", "/api/embed", "/tokenize", "/props", "/health"):
        told = httpx.post(f"{server.url}/v1{path}", json={})
        assert told.status_code == 404 and f"{path} is there: leave /v1 out" in told.text, path
    assert "leave /v1 out" not in httpx.get(server.url + "/v1/nothing").text
