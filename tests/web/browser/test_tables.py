"""Cells of tables, contexts as buttons, and two runs side by side."""

from __future__ import annotations

import pytest
import torch

from tensorar.workflows.explore.question import question_about

pytest.importorskip("selenium", reason="needs selenium: pip install tensorar[test]")
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.web.browser.page import on_screen

# how many lines the heads of a table take
LINES = """return [...document.querySelectorAll('.panel th')].map((head) => {
    const words = document.createRange();
    words.selectNodeContents(head);
    return new Set([...words.getClientRects()].map((line) => line.top)).size;
})"""


def test_cells_are_taken_as_they_are_typed_in_both_runs_and_reloading_keeps_the_runs(visit, browser, explorer):
    page = visit("weights")
    page.choose("beside", "weights", panels=2)
    # far from what was seen in training
    page.type("td input[aria-label=kg]", "99.5")
    page.until(".logp", "1 of 2 known")
    page.idle(2)
    asked = question_about(torch.tensor([99.5, torch.nan], dtype=torch.float64))
    expected = float(explorer("weights").log_prob(asked).value)
    for panel in browser.find_elements(By.CSS_SELECTOR, ".panel"):
        assert panel.find_element(By.CSS_SELECTOR, "td input").get_attribute("value") == "99.5"
        assert panel.find_element(By.CSS_SELECTOR, ".logp").text.startswith(f"{expected:.2f} nats")
    page.type("td input[aria-label=kg]", "1e")
    page.wait(page.errors)
    assert len(page.errors()) == 1 and page.errors()[0].startswith("kg: ")
    browser.refresh()
    page.wait(lambda: len(browser.find_elements(By.CSS_SELECTOR, ".panel")) == 2)
    page.idle(2)
    assert [name.text for name in browser.find_elements(By.CSS_SELECTOR, ".name")] == ["weights", "weights"]
    assert browser.title.startswith("weights and weights ")


def test_cells_contexts_points_and_two_runs(visit):
    page = visit("table")
    Select(page.find("td select[aria-label=sex]")).select_by_visible_text("male")
    page.until(".logp", "1 of 4 known")
    page.idle()
    assert page.text("tbody tr:nth-child(3) td:nth-of-type(2)").startswith("2026-")
    page.choose("run", "labelled")
    page.find(".class:nth-child(2)").click()
    page.wait(lambda: page.find(".class:nth-child(2)").get_attribute("aria-pressed") == "true")
    page.find(".paint").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_UP)
    page.until(".logp", "1 of 16 known")
    page.choose("run", "bits")
    page.choose("beside", "orders", panels=2)
    page.find(".paint").send_keys(Keys.SPACE)
    for panel in page.browser.find_elements(By.CSS_SELECTOR, ".panel"):
        page.wait(lambda panel=panel: "1 of 16 known" in panel.find_element(By.CSS_SELECTOR, ".logp").text)
    page.idle(2)


def test_a_table_has_no_brush_and_its_words_stay_whole(visit, browser):
    page = visit("table")
    assert not page.find(".brushes").is_displayed()
    assert not page.find(".entropy").is_displayed()
    for width in (320, 700, 1100):
        with on_screen(page, width):
            assert set(browser.execute_script(LINES)) == {1}, width
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    page.find("td select[aria-label=town]").send_keys(Keys.TAB, Keys.SHIFT, Keys.TAB)
    page.until(".which", "town")
    page.until(".words", "Bern: ")
    assert "Visits" in page.text(".where")
