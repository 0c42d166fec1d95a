"""The page in two tabs of one browser: neither loses what the other has kept. See page_driver.py."""

import pytest
from playwright.sync_api import expect

from page_driver import (  # noqa: F401
    CIRCLE, QUESTION, SHAPES, WATCH, ask, browser, choose, open_page, page, until,
)  # fmt: skip

COLOUR = "What is the color of the circle?"
COUNT = "How many shapes are there?"
KEPT = """async () => {
    const {all} = await import("./store.js");
    return (await all()).map((record) => [record.turns.map(({question, reply}) => [question, reply]),
                                          record.pictures.map(({name}) => name)]);
}"""


def tab(page):
    """One more, as it is opened."""
    other = page.context.new_page()
    other.add_init_script(WATCH)
    other.goto(page.url)
    expect(other.locator("#status")).to_have_attribute("data-state", "ready")
    return other


def open_kept(page):
    page.get_by_role("button", name="Conversations").click()
    page.locator("#history-list .open").first.click()
    expect(page.locator("#history")).to_be_hidden()


@pytest.fixture
def both(page):
    """Two tabs on one conversation of one turn."""
    choose(page)
    ask(page, QUESTION)
    other = tab(page)
    open_kept(other)
    expect(other.locator(".turn .text")).to_have_text(["Circle."])
    return page, other


def hold(page):
    """The next question waits until what is returned is called."""
    held = []
    page.route("**/v1/chat/completions", lambda route: route.continue_() if held else held.append(route))
    return lambda: held[0].continue_()


def begin(page, question):
    page.locator("#question").fill(question)
    page.locator("#question").press("Enter")
    expect(page.locator(".waiting .seconds")).to_be_visible()


def questions(*pages):
    for page in pages:
        yield page.locator(".turn .question p")


def words(message):
    content = message["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def deaf(page):
    """As a tab that sleeps: it hears nothing of the others."""
    page.evaluate("BroadcastChannel.prototype.postMessage = () => {}")


def test_a_tab_follows_the_other(both):
    one, other = both
    ask(one, COLOUR)
    expect(other.locator(".turn .text")).to_have_text(["Circle.", "Red."])
    one.locator("#more").set_input_files(SHAPES)
    expect(one.locator("#thumbs li")).to_have_count(2)
    with one.expect_request("**/v1/chat/completions"):
        ask(one, COUNT)
    expect(other.locator("#thumbs li")).to_have_count(2)
    expect(other.locator(".turn .text")).to_have_count(3)
    # What the model is told there is all of it.
    with other.expect_request("**/v1/chat/completions") as request:
        ask(other, "And now?")
    messages = request.value.post_data_json["messages"]
    assert [words(message) for message in messages[::2]] == [QUESTION, COLOUR, COUNT, "And now?"]
    # Taken back here is taken back there.
    one.get_by_role("button", name="Edit the question: And now?").click()
    one.locator(".edit textarea").fill("Or now?")
    one.locator(".edit textarea").press("Enter")
    for found in questions(one, other):
        expect(found).to_have_text([QUESTION, COLOUR, COUNT, "Or now?"])


@pytest.mark.parametrize("hears", [True, False])
def test_both_ask_at_once(both, hears):
    one, other = both
    if not hears:
        deaf(one)
        deaf(other)
    let_go = hold(one)
    begin(one, COLOUR)
    if hears:
        expect(other.locator(".turn .waiting")).to_have_text("It is being answered in another tab.")
    ask(other, COUNT)
    let_go()
    for found in questions(one, *([other] if hears else [])):
        expect(found).to_have_text([QUESTION, COLOUR, COUNT])
    expect(one.locator(".turn .waiting")).to_have_count(0)
    expect(one.locator(".turn .text").nth(1)).to_have_text("Red.")
    until(one, f"async () => (await ({KEPT})())[0][0].every(([, reply]) => reply !== '')")
    ((turns, pictures),) = one.evaluate(KEPT)
    assert [question for question, _ in turns] == [QUESTION, COLOUR, COUNT]
    assert pictures == [CIRCLE.name]


def test_a_tab_that_is_closed_while_it_asks(both):
    one, other = both
    hold(one)
    begin(one, COLOUR)
    expect(other.locator(".turn .waiting")).to_be_visible()
    # It is another tab's: it cannot be asked otherwise here.
    other.get_by_role("button", name=f"Edit the question: {QUESTION}").click()
    expect(other.locator(".edit")).to_have_count(0)
    one.goto("about:blank")
    expect(other.locator(".turn .failure")).to_contain_text("the page was left")
    other.get_by_role("button", name="Ask again").last.click()
    expect(other.locator(".turn .text")).to_have_text(["Circle.", "Red."])
    one.go_back()


def test_a_tab_that_comes_later_sees_who_asks(both):
    one, other = both
    let_go = hold(one)
    begin(one, COLOUR)
    other.reload()
    other.get_by_role("button", name="Conversations").click()
    expect(other.locator("#history-list .open").first).to_contain_text("answering…")
    other.locator("#history-list .open").first.click()
    expect(other.locator(".turn .waiting")).to_have_text("It is being answered in another tab.")
    let_go()
    expect(other.locator(".turn .text")).to_have_text(["Circle.", "Red."])


def test_a_failure_there_is_shown_here(both):
    one, other = both
    one.route("**/v1/chat/completions", lambda route: route.fulfill(
        status=200, content_type="text/event-stream", body='data: {"error": {"message": "Too much to do."}}\n\n'))  # fmt: skip
    ask(one, COLOUR)
    expect(other.locator(".turn .failure p")).to_have_text("Too much to do.")


@pytest.mark.parametrize("what", ["one", "all"])
def test_what_is_deleted_in_one_tab_stays_away(both, what):
    one, other = both
    hold(one)
    begin(one, COLOUR)
    other.get_by_role("button", name="Conversations").click()
    if what == "one":
        other.locator("#history-list li").get_by_role("button", name="Delete").click()
        sure = "Really?"
    else:
        other.get_by_role("button", name="Delete all").click()
        sure = "Really delete all?"
    with one.expect_event("requestfailed"):  # its answer is not waited for
        other.get_by_role("button", name=sure).click()
    expect(one.locator("#announcer")).to_have_text("This conversation was deleted in another tab.")
    expect(one.locator(".turn")).to_have_count(0)
    expect(other.locator("#history-none")).to_be_visible()
    one.unroute_all()
    assert one.evaluate(KEPT) == []


def test_a_picture_that_waits_for_its_question_stays(both):
    one, other = both
    choose(one, SHAPES)  # a conversation of its own, not asked yet
    other.get_by_role("button", name="Conversations").click()
    other.get_by_role("button", name="Delete all").click()
    other.get_by_role("button", name="Really delete all?").click()
    expect(other.locator("#history-none")).to_be_visible()
    ask(one, COUNT)
    expect(one.locator(".turn")).to_have_count(1)
    ((turns, pictures),) = one.evaluate(KEPT)
    assert (turns[0][0], pictures) == (COUNT, [SHAPES.name])


def test_one_that_was_deleted_is_not_opened(both):
    one, other = both
    one.get_by_role("button", name="New conversation").click()
    one.get_by_role("button", name="Conversations").click()
    expect(one.locator("#history-list li")).to_have_count(1)
    other.get_by_role("button", name="Conversations").click()
    other.get_by_role("button", name="Delete", exact=True).click()
    other.get_by_role("button", name="Really?").click()
    expect(other.locator("#history-none")).to_be_visible()
    one.locator("#history-list .open").first.click()
    expect(one.locator("#history-error")).to_contain_text("it was deleted in another tab")
    expect(one.locator("#history-list li")).to_have_count(0)


def test_records_of_before_have_the_same_turns_in_every_tab(both):
    one, other = both
    one.evaluate("""() => new Promise((resolve) => {
        indexedDB.open("ocellus", 1).onsuccess = ({target}) => {
          const table = target.result.transaction("conversations", "readwrite").objectStore("conversations");
          table.getAll().onsuccess = ({target}) => {
            const [record] = target.result;
            for (const turn of record.turns) delete turn.id;
            table.put(record).onsuccess = resolve;
          };
        };
    })""")
    for page in both:
        page.reload()
        open_kept(page)
    ask(one, COLOUR)
    expect(other.locator(".turn .text")).to_have_text(["Circle.", "Red."])
    ask(other, COUNT)
    for found in questions(*both):
        expect(found).to_have_text([QUESTION, COLOUR, COUNT])


def test_settings_of_one_tab_do_not_undo_the_others(page):
    other = tab(page)
    page.get_by_role("button", name="Settings").click()
    page.locator("#set-temperature").fill("0.5")
    other.get_by_role("button", name="Settings").click()  # both forms are open
    other.locator("#set-max_tokens").fill("7")
    for each in (page, other):
        each.get_by_role("button", name="Use", exact=True).click()
    for each in (page, other):
        until(each, 'async () => (await import("./settings.js")).word() === \'{"temperature":0.5,"max_tokens":7}\'')
    other.get_by_role("button", name="Settings").click()
    expect(other.locator("#set-temperature")).to_have_value("0.5")
    other.locator("#set-temperature").fill("")  # taken back is taken back
    other.get_by_role("button", name="Use", exact=True).click()
    until(page, 'async () => (await import("./settings.js")).word() === \'{"max_tokens":7}\'')
