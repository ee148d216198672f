"""Paint evidence, point at coefficients, listen; and nothing in the console."""

from __future__ import annotations

import re

import pytest
import torch

from tensorar import Evidence

pytest.importorskip("selenium", reason="needs selenium: pip install tensorar[test]")
from selenium.webdriver import ActionChains, Keys

# the colour of a place in the first row of an image
PIXEL = """const image = document.querySelector('.paint');
    const pen = new OffscreenCanvas(image.width, image.height).getContext('2d', {willReadFrequently: true});
    pen.drawImage(image, 0, 0);
    return [...pen.getImageData(image.width * arguments[0], image.height / 6, 1, 1).data]"""


# the next answer about a distribution comes late, and the completions that are asked for meanwhile later still
LATE = """const at_once = window.fetch, waits = {predict: 1500};
    window.fetch = async (path, options) => {
        const answer = await at_once(path, options), question = path.split('/').at(-1), wait = waits[question] ?? 0;
        delete waits[question];
        if (wait && question === 'predict') Object.assign(waits, {complete: 3500}), window.late = true;
        await new Promise((done) => setTimeout(done, wait));
        return answer;
    };"""


def test_painting_changes_the_completions_and_the_posterior_is_the_models(visit, explorer):
    page = visit("bits")
    before = page.drawn()
    assert len(before) == 4
    page.find(".width").clear()
    page.find(".width").send_keys("2")
    canvas = page.find(".paint")
    cell = canvas.size["width"] / 4
    at = {"xoffset": round(-1.5 * cell), "yoffset": round(-1.5 * cell)}
    ActionChains(page.browser).move_to_element_with_offset(canvas, **at).click().perform()
    page.until(".logp", "4 of 16 known")
    page.idle()
    assert page.drawn() != before
    # a prefix of the order: its first coefficients
    page.browser.execute_script("document.querySelector('.forget').click()")
    page.until(".logp", "nothing is known")
    page.idle()
    page.find(".width").clear()
    page.find(".width").send_keys("1")
    ActionChains(page.browser).move_to_element_with_offset(canvas, **at).click().perform()
    page.until(".logp", "exact (1 of 16 known)")
    at["xoffset"] = round(-0.5 * cell)
    ActionChains(page.browser).move_to_element_with_offset(canvas, **at).perform()
    page.until(".words", "exact: the next coefficient")
    evidence = Evidence(torch.arange(16).reshape(1, 4, 4) == 0, torch.ones(1, 4, 4))
    expected = explorer("bits").model.conditional(evidence).log_prob(torch.tensor([[0.0], [1.0]])).exp()[:, 0]
    shown = dict(re.findall(r"([01]): (0\.\d+)", page.text(".words")))
    assert [float(shown["0"]), float(shown["1"])] == pytest.approx(expected.tolist(), abs=6e-4)


def test_a_fast_stroke_has_no_gaps(visit, browser):
    page = visit("bits")
    canvas = page.find(".paint")
    reach = round(1.5 * canvas.size["width"] / 4)
    mouse = ActionChains(browser, duration=0).move_to_element_with_offset(canvas, -reach, -reach).click_and_hold()
    mouse.move_to_element_with_offset(canvas, reach, reach).release().perform()
    page.until(".logp", "4 of 16 known")
    # another stroke begins where it begins
    mouse = ActionChains(browser, duration=0).move_to_element_with_offset(canvas, reach, -reach)
    mouse.click().perform()
    page.until(".logp", "5 of 16 known")
    page.choose("run", "labelled")
    canvas = page.find(".paint")
    reach = round(0.45 * canvas.size["width"])
    mouse = ActionChains(browser, duration=0).move_to_element_with_offset(canvas, -reach, 0).click_and_hold()
    mouse.move_to_element_with_offset(canvas, reach, 0).release().perform()
    page.until(".logp", "16 of 16 known")


def test_a_late_distribution_is_not_shown_for_other_evidence(visit, browser, explorer):
    page = visit("labelled")
    browser.execute_script(LATE)
    browser.execute_script("document.querySelector('.class:nth-child(2)').click()")
    page.wait(lambda: browser.execute_script("return window.late"))
    browser.execute_script("document.querySelector('.class:nth-child(3)').click()")
    page.wait(lambda: re.match(r"in \d{4,} ms", page.text(".status")))
    page.idle()
    model = explorer("labelled").model
    nothing = Evidence(torch.zeros(1, 16, dtype=torch.bool), torch.zeros(1, 16))
    distribution = model.conditional(nothing, torch.tensor([[0.0, 0.0, 1.0]]))
    expected = distribution.log_prob(torch.tensor([[0.0], [1.0]])).exp()[:, 0].tolist()
    shown = dict(re.findall(r"([01]): (0\.\d+)", page.text(".words")))
    assert [float(shown["0"]), float(shown["1"])] == pytest.approx(expected, abs=6e-4)


def test_what_is_read_aloud_is_about_the_coefficient_pointed_at(visit, browser):
    page = visit("bits")
    browser.execute_script(LATE.replace("1500", "400"))
    page.find(".paint").send_keys(Keys.ARROW_DOWN)
    page.wait(lambda: page.find("#live").get_attribute("textContent") == "row 1, column 0: unknown")
    assert page.text(".which") == "row 0, column 0", "as long as its distribution is the one that is shown"
    page.until(".which", "row 1, column 0")


def test_the_keyboard_is_enough(visit):
    page = visit("bits")
    page.find(".paint").send_keys(Keys.ARROW_DOWN, Keys.ARROW_RIGHT, "b", Keys.SPACE)
    page.wait(lambda: "row 1, column 1: known, 0" in page.find("#live").get_attribute("textContent"))
    page.until(".logp", "1 of 16 known")
    page.find(".paint").send_keys(Keys.ARROW_RIGHT)
    page.wait(lambda: "row 1, column 2: unknown; 0: " in page.find("#live").get_attribute("textContent"))
    page.find(".paint").send_keys(Keys.ARROW_LEFT, "u", Keys.SPACE)
    page.until(".logp", "nothing is known")
    page.find(".play").send_keys(Keys.SPACE)
    page.wait(lambda: page.text(".play") == "Play" and "All 16 are visited" in page.text(".where"))
    page.idle()


def test_colours_known_in_part_and_names_in_volumes(visit, browser):
    page = visit("tint")
    first, last = (browser.execute_script(PIXEL, place) for place in (1 / 18, 5 / 18))
    page.find(".load").click()
    page.until(".logp", "27 of 27 known")
    page.find(".half").click()
    page.until(".logp", "14 of 27 known")
    page.idle()
    # red and green of the first pixel are known, its blue is not
    assert browser.execute_script(PIXEL, 5 / 18) == last
    assert browser.execute_script(PIXEL, 1 / 18) != first
    # the order visits all reds first
    browser.execute_script(
        "const step = document.querySelector('.step'); step.value = 9; step.dispatchEvent(new Event('input'))"
    )
    visited = [browser.execute_script(PIXEL.replace(".paint", ".visits"), place) for place in (1 / 18, 3 / 18, 5 / 18)]
    assert visited[0] != visited[1] == visited[2]
    page.choose("run", "volume")
    page.find(".paint").send_keys(Keys.ARROW_DOWN)
    page.until(".which", "index 0, 1, 0")
