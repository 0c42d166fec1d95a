"""/openapi.json: every route, the fields that requests are checked by, and the shapes that answers have."""

import re

import httpx
import jsonschema
import pytest

from conftest import Server, picture_part, text_part, user
from page_driver import browser, open_page  # noqa: F401
from test_page_access import PACKAGES, faults
from test_switch import free_port


@pytest.fixture(scope="module")
def both():
    """A server, and the address of its second port."""
    port = free_port()
    running = Server("--backend-port", str(port))
    yield running, f"http://127.0.0.1:{port}"
    running.end()


@pytest.fixture(scope="module")
def server(both):
    return both[0]


@pytest.fixture(scope="module")
def document(server):
    return httpx.get(f"{server.url}/openapi.json").json()


@pytest.fixture(scope="module")
def backend(both):
    return httpx.get(f"{both[1]}/openapi.json").json()


def of(document, method, path, what="answer"):
    """The schema of what is sent or answered, with the components it refers to."""
    told = document["paths"][path][method]
    told = told["requestBody"] if what == "body" else told["responses"]["200" if what == "answer" else "default"]
    return {**told["content"]["application/json"]["schema"], "components": document["components"]}


def holds(schema, value):
    jsonschema.Draft202012Validator(schema).validate(value)


def test_it_is_openapi_and_every_operation_says_what_it_is_for(document, backend):
    seen = set()
    for one in (document, backend):
        assert one["openapi"] == "3.1.0"
        jsonschema.Draft202012Validator.check_schema({"$defs": one["components"]["schemas"]})
        for path, methods in one["paths"].items():
            for method, told in methods.items():
                assert told["summary"] and told["tags"], (method, path)
                assert set(re.findall(r"{(\w+)}", path)) == {p["name"] for p in told.get("parameters", [])}
                for what in ("body", "answer", "error"):
                    if what == "body" and "requestBody" not in told:
                        continue
                    part = told["requestBody"] if what == "body" else told["responses"]["200" if what == "answer" else "default"]
                    for content in part.get("content", {}).values():
                        jsonschema.Draft202012Validator.check_schema(content.get("schema", {}))
        names = [told["operationId"] for methods in one["paths"].values() for told in methods.values()]
        assert len(names) == len(set(names))
        seen |= set(one["paths"])
    assert {"/v1/chat/completions", "/v1/messages", "/v1/models/{model}", "/api/v1/config", "/docs"} <= seen


def test_what_it_names_is_there_and_what_is_there_it_names(server, document):
    for path, methods in document["paths"].items():
        told = httpx.options(server.url + path.replace("{model}", "x")).headers["allow"]
        served = {m.strip().lower() for m in told.split(",")} - {"options", "head"}
        assert served >= set(methods), path
        assert served == set(methods) or path.startswith(("/v1/models/", "/v1/responses/")), path  # whose * has more


CHAT = {"model": "", "messages": [user(picture_part(1), text_part("What is it?"))], "max_tokens": 8}


@pytest.mark.parametrize("method, path, body", [
    ("post", "/v1/chat/completions", CHAT),
    ("post", "/v1/chat/completions", CHAT | {"n": 2, "logprobs": True, "top_logprobs": 1, "stop": "x", "temperature": 1}),
    ("post", "/v1/chat/completions", CHAT | {"user": "me", "store": None, "stream_options": None}),
    ("post", "/v1/images/plan", CHAT),
    ("post", "/v1/completions", {"prompt": "Hello", "max_tokens": 4, "logprobs": 2, "n": 2, "user": "me"}),
    ("post", "/v1/completions", {"prompt": [1, 2], "max_tokens": 0, "suffix": "", "best_of": 1}),
    ("post", "/v1/responses", {"input": "Hello", "max_output_tokens": 8, "num_crops": 1}),
    ("post", "/v1/responses", {"input": [{"role": "user", "content": "Hello"}], "store": None, "metadata": {"a": "b"}}),
    ("post", "/v1/responses/input_tokens", {"input": "Hello"}),
    ("post", "/v1/messages", {"messages": [{"role": "user", "content": "Hello"}]}),
    ("post", "/v1/messages", {"model": "", "max_tokens": 8, "messages": [{"role": "user", "content": "Hello"}]}),
    ("post", "/v1/messages/count_tokens", {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}),
    ("post", "/api/chat", {"messages": [{"role": "user", "content": "Hello"}], "stream": False}),
    ("post", "/api/generate", {"prompt": "Hello", "stream": False, "options": {"num_predict": 4, "stop": ["x"]}}),
    ("post", "/api/generate", {}),
    ("post", "/api/show", {"model": "demo"}),
    ("get", "/api/version", None),
    ("get", "/api/tags", None),
    ("get", "/api/ps", None),
    ("get", "/v1/models", None),
    ("get", "/v1/models/pull", None),
    ("get", "/health", None),
    ("get", "/status", None),
    ("get", "/stats", None),
    ("get", "/ui/config", None),
    ("get", "/livez", None),
    ("get", "/readyz", None),
    ("get", "/props", None),
    ("post", "/tokenize", {"content": "a", "with_pieces": True}),
    ("post", "/detokenize", {"tokens": [1]}),
])  # fmt: skip
def test_real_requests_and_answers_have_its_shapes(server, document, method, path, body):
    if body is not None:
        holds(of(document, method, path, "body"), body)
    answer = httpx.request(method, server.url + path, json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    holds(of(document, method, path), answer.json())


@pytest.mark.parametrize("body", [
    {}, CHAT | {"temperature": 3}, CHAT | {"n": 0}, CHAT | {"messages": []}, CHAT | {"nonsense": 1},
    CHAT | {"stream": "yes"}, CHAT | {"stop": [1]}, CHAT | {"policy": "hurry"}, CHAT | {"best_of": 3},
    CHAT | {"logit_bias": {"5": 101}}, CHAT | {"stream_options": {"nonsense": 1}},
])  # fmt: skip
def test_what_it_does_not_allow_is_refused_in_its_shape(server, document, body):
    with pytest.raises(jsonschema.ValidationError):
        holds(of(document, "post", "/v1/chat/completions", "body"), body)
    answer = httpx.post(f"{server.url}/v1/chat/completions", json=body)
    assert answer.status_code == 400
    holds(of(document, "post", "/v1/chat/completions", "error"), answer.json())


def test_errors_of_other_dialects_have_their_shapes(both, server, document, backend):
    answer = httpx.post(f"{server.url}/v1/messages", json={"messages": 5})
    holds(of(document, "post", "/v1/messages", "error"), answer.json())
    answer = httpx.post(f"{server.url}/api/chat", json={"messages": 5})
    holds(of(document, "post", "/api/chat", "error"), answer.json())
    answer = httpx.patch(f"{both[1]}/api/v1/config", json=[])
    assert answer.status_code == 400
    holds(of(backend, "patch", "/api/v1/config", "error"), answer.json())


def test_the_page_shows_it(open_page, both, server):  # noqa: F811
    page = open_page(server.url).context.new_page()  # noqa: F811
    page.goto(f"{server.url}/docs/")
    assert page.get_by_text("/v1/chat/completions").first.inner_text()
    assert httpx.get(f"{server.url}/docs/openapi.json").text == httpx.get(f"{server.url}/openapi.json").text
    page.goto(f"{server.url}/docs")
    one = page.locator("details", has_text="/v1/chat/completions").first
    one.locator("summary").click()
    row = one.get_by_role("row", name="temperature")
    assert "0 to 2" in row.inner_text()
    page.get_by_label("Find a path or a field").fill("max_objects")
    assert page.locator("details:visible").count() == 4
    page.get_by_label("Find a path or a field").fill("")
    page.evaluate((PACKAGES / "axe-core/axe.min.js").read_text(encoding="utf-8"))
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert httpx.get(f"{both[1]}/docs").text == httpx.get(f"{server.url}/docs").text
    page.close()
