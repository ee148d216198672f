"""The page at any width, and the page of a walk, which needs no server."""

from __future__ import annotations

import re

import pytest
import torch

from tensorar.plotting import PosteriorStep, save_walk_page

pytest.importorskip("selenium", reason="needs selenium: pip install tensorar[test]")
from selenium.webdriver.common.by import By

from tests.web.browser.page import on_screen


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light"), (3840, "dark")])
def test_nothing_is_cut_off_at_any_width(visit, browser, width, scheme):
    page = visit("bits")
    with on_screen(page, width, scheme):
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert (int(re.findall(r"\d+", paper)[0]) < 100) == (scheme == "dark")


def test_the_page_of_a_walk_needs_no_server(browser, tmp_path):
    support, mask = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([True, False, False])
    step = PosteriorStep(mask, torch.zeros(3), 1, support, torch.tensor([0.2, 0.5, 0.3]), truth=2.0, density=True)
    save_walk_page([step], tmp_path / "walk.html", "a walk")
    browser.get_log("browser")
    browser.get((tmp_path / "walk.html").as_uri())
    told = browser.find_element(By.ID, "status").text
    assert told == "step 1 of 3: next coefficient 1; densest at 1 (density 0.5); true value 2 (density 0.3)"
    assert browser.get_log("browser") == []
