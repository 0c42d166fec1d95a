"""Answers of the Responses API that are kept: gone on from, told once more, forgotten; within a bound, a key's own."""

import httpx
import openai
import pydantic
import pytest
from openai.types.responses import ResponseItem

from conftest import data_uri, drawing
from test_responses import ASKED, ask, picture, turn

ITEM = pydantic.TypeAdapter(ResponseItem)


def status(running, response):
    """With the key of running.client()."""
    return httpx.get(f"{running.url}/v1/responses/{response}", headers={"authorization": "Bearer unused"}).status_code


@pytest.fixture(scope="module")
def client(server):
    return server.client()


def test_a_conversation_goes_on(client):
    first = ask(client, instructions="Be brief.")
    second = ask(client, "Of what colour?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    whole = ask(client, [*ASKED, *[item.to_dict() for item in first.output], turn("Of what colour?")])
    assert second.output_text == whole.output_text
    assert second.usage.input_tokens == whole.usage.input_tokens  # without the instructions
    third = ask(client, [turn(picture(2), "And this?")], previous_response_id=second.id, stream=True)
    third = list(third)[-1].response
    assert third.usage.input_tokens > second.usage.input_tokens
    assert third.usage.input_tokens_details.model_dump()["image_tokens"] > 0


def test_two_answers_go_on_from_one(client):
    first = ask(client)
    one, other = (ask(client, text, previous_response_id=first.id) for text in ("How large?", "How many?"))
    assert one.usage.input_tokens - first.usage.input_tokens < 40
    assert one.previous_response_id == other.previous_response_id == first.id


def test_a_forced_call_and_its_result(client):
    tool = {"type": "function", "name": "clock", "strict": False, "parameters": {
        "type": "object", "properties": {"zone": {"enum": ["UTC", "CET"]}}, "required": ["zone"]}}  # fmt: skip
    first = ask(client, "What time is it?", tools=[tool], tool_choice="required", max_output_tokens=300)
    (call,) = first.output
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "12:00"}
    assert ask(client, [result], previous_response_id=first.id).output_text


def test_it_is_told_again(client):
    for stream in (False, True):
        asked = ask(client, stream=stream, metadata={"stream": str(stream)})
        response = list(asked)[-1].response if stream else asked
        assert client.responses.retrieve(response.id).to_dict() == response.to_dict()


def test_what_it_was_made_of(client):
    first = ask(client, "What is it?")
    second = ask(client, [turn(picture(), "And this?"), turn("Be brief.", role="developer"), turn("Well?")],
                 previous_response_id=first.id)  # fmt: skip
    items = list(client.responses.input_items.list(second.id, order="asc"))
    assert [item.role for item in items] == ["user", "assistant", "user", "developer", "user"]
    assert items[0].content[0].text == "What is it?"
    assert items[1].id == first.output[0].id and items[1].content[0].text == first.output_text
    assert items[2].content[0].image_url == data_uri(drawing(1))
    assert len({item.id for item in items}) == 5
    for item in items:
        ITEM.validate_python(item.to_dict())
    newest = client.responses.input_items.list(second.id, limit=2)
    assert [item.id for item in newest.data] == [items[4].id, items[3].id] and newest.has_more
    assert [item.id for item in newest] == [item.id for item in reversed(items)]  # page after page
    assert [item.id for item in client.responses.input_items.list(first.id)] == [items[0].id]


def test_it_is_forgotten(client):
    first = ask(client)
    second = ask(client, "Go on.", previous_response_id=first.id)
    client.responses.delete(first.id)
    for gone in (
        lambda: client.responses.retrieve(first.id),
        lambda: client.responses.input_items.list(first.id),
        lambda: client.responses.delete(first.id),
        lambda: ask(client, "Go on.", previous_response_id=first.id),
    ):
        with pytest.raises(openai.NotFoundError):
            gone()
    # What went on from it has what it needs.
    assert ask(client, "Go on.", previous_response_id=second.id).usage.input_tokens > first.usage.input_tokens


def test_nothing_is_kept_unless_it_may_be(client):
    response = ask(client, store=False)
    assert response.to_dict()["store"] is False
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)
    with pytest.raises(openai.NotFoundError) as error:
        ask(client, "Go on.", previous_response_id=response.id)
    assert (error.value.param, error.value.code) == ("previous_response_id", "previous_response_not_found")


def test_another_keys_id_is_none(start):
    running = start("--api-key", "k1", "--api-key", "k2")
    mine, other = (running.client(api_key=key) for key in ("k1", "k2"))
    response = ask(mine)
    for attempt in (
        lambda: other.responses.retrieve(response.id),
        lambda: other.responses.input_items.list(response.id),
        lambda: other.responses.delete(response.id),
        lambda: ask(other, "Go on.", previous_response_id=response.id),
    ):
        with pytest.raises(openai.NotFoundError):
            attempt()
    assert mine.responses.retrieve(response.id).id == response.id
    assert httpx.get(f"{running.url}/v1/responses/{response.id}").status_code == 401
    # However the key is shown.
    shown = httpx.get(f"{running.url}/v1/responses/{response.id}", headers={"x-api-key": "k1"})
    assert shown.status_code == 200


def test_without_keys_what_is_shown_as_one_does_not_matter(client, server):
    first = ask(client)
    for key in ("another", "a third"):
        other = server.client(api_key=key)
        assert other.responses.retrieve(first.id).id == first.id
        assert ask(other, "Of what colour?", previous_response_id=first.id).previous_response_id == first.id
    assert httpx.get(f"{server.url}/v1/responses/{first.id}").status_code == 200  # nor that one is
    assert httpx.delete(f"{server.url}/v1/responses/{first.id}").status_code == 200
    assert status(server, first.id) == 404


def test_the_oldest_go_first(start):
    running = start("--kept-answers-mb", "1")
    client = running.client()
    large = "x" * 300_000  # in a label, so that it costs no tokens
    kept = lambda response: status(running, response.id) == 200
    asked = []
    for _ in range(6):
        item = turn(picture())
        item["id"] = large
        asked.append(ask(client, [item, turn("What is it?")]))
        assert kept(asked[-1])
    alive = [kept(response) for response in asked]
    assert alive == sorted(alive) and alive[-1] and 2 <= sum(alive) < 4
    # One conversation that is larger than the store: the others stay.
    item = turn("What is it?")
    item["id"] = "x" * 2_000_000
    refused = ask(client, [item])
    assert not kept(refused) and refused.to_dict()["store"] is False
    assert "store" in refused.to_dict()["warning"]  # else who goes on from it finds nothing, and does not know why
    assert [kept(response) for response in asked] == alive


def test_a_conversation_is_whole_or_gone(start):
    running = start("--kept-answers-mb", "1")
    client = running.client()
    last, ids = None, []
    for i in range(5):
        item = turn(f"Question {i}?")
        item["id"] = "x" * 300_000
        try:
            last = ask(client, [item], previous_response_id=last)
        except openai.NotFoundError:
            break
        ids.append(last.id)
        last = last.id
    assert len(ids) == 4  # the fourth is too large with those before it, so that nothing of it is kept
    assert [status(running, one) for one in ids][2:] == [200, 404]
    items = list(client.responses.input_items.list(ids[2], order="asc"))
    assert [item.content[0].text for item in items if item.role == "user"] == [f"Question {i}?" for i in range(3)]


def test_a_server_that_keeps_none(start):
    running = start("--kept-answers-mb", "0")
    client = running.client()
    response = ask(client)
    assert response.to_dict()["store"] is False and "warning" not in response.to_dict()
    assert "store" in ask(client, store=True).to_dict()["warning"]
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


@pytest.mark.parametrize(
    ("path", "param"),
    [("?stream=true", "stream"), ("/input_items?limit=0", "limit"), ("/input_items?limit=x", "limit"),
     ("/input_items?order=up", "order"), ("/input_items?after=none", "after")],
)  # fmt: skip
def test_refused_by_name(server, client, path, param):
    response = ask(client)
    answer = httpx.get(f"{server.url}/v1/responses/{response.id}{path}", headers={"authorization": "Bearer unused"})
    assert answer.status_code == 400 and answer.json()["error"]["param"] == param
