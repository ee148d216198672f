"""What the page does not take, and a server that is gone."""

from __future__ import annotations

REFUSED = [("count", "How many", "1e9"), ("seed", "Seed", "-1"), ("temperature", "Temperature", "0")]


def test_a_number_that_is_not_taken_is_refused_and_older_answers_go(visit):
    page = visit("bits")
    for field, name, wrong in REFUSED:
        before = page.find(f".{field}").get_attribute("value")
        page.type(f".{field}", wrong)
        page.wait(page.errors)
        page.idle()
        assert page.errors()[0].startswith(f"{name}: ")
        assert page.drawn() == [] and not page.find(".entropy").is_displayed()
        assert "nothing is known" not in page.text(".logp")
        page.type(f".{field}", before)
        page.until(".logp", "nothing is known")
        page.idle()


def test_a_width_and_an_event_that_are_not_taken(visit, browser):
    page = visit("bits")
    page.type(".width", "1e9")
    page.find(".paint").click()
    assert page.errors()[0].startswith("Width: ")
    page.type(".width", "1")
    page.type(".number", "60")
    page.find(".load").click()
    page.wait(lambda: page.errors()[0].startswith("Event: "))
    page.type(".number", "0")
    page.find(".load").click()
    page.until(".logp", "16 of 16 known")
    page.idle()


def test_a_server_that_is_gone_is_named(visit, browser):
    page = visit("bits")
    browser.execute_script(
        "window.kept = fetch; window.fetch = async () => { throw new TypeError('Failed to fetch'); }"
    )
    page.find(".again").click()
    page.wait(lambda: page.errors() == ["The server does not answer: is tensorar serve still running?"])
    browser.execute_script("window.fetch = window.kept")
    page.find(".again").click()
    page.until(".logp", "nothing is known")
    page.idle()
