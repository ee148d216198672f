"""The page in a real browser: paint, look, listen; and nothing in its console."""

from __future__ import annotations

import re
import shutil
import threading
from contextlib import contextmanager, suppress

import pytest
import torch

from tensorar import Evidence
from tensorar.plotting import PosteriorStep, save_walk_page
from tensorar.workflows.explore import Shelf
from tensorar.workflows.explore.question import question_about

selenium = pytest.importorskip("selenium", reason="needs selenium: pip install tensorar[test]")
from selenium import webdriver  # noqa: E402
from selenium.common.exceptions import WebDriverException  # noqa: E402
from selenium.webdriver import ActionChains, Keys  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

from tensorar_web.server import PageServer  # noqa: E402

DRIVER, BROWSER = shutil.which("chromedriver"), shutil.which("chromium")
pytestmark = pytest.mark.skipif(not (DRIVER and BROWSER), reason="needs chromium and chromedriver")
IDLE = "return [...document.querySelectorAll('.panel')].map(p => p.getAttribute('aria-busy')).join()"


@pytest.fixture(scope="session")
def url(runs):
    """The address of the page of all runs."""
    server = PageServer(Shelf(runs, "cpu"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server.url
    server.stop()
    thread.join(10)


@pytest.fixture(scope="session")
def browser():
    """A browser without a window."""
    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "window-size=1200,1000"):
        options.add_argument(f"--{argument}")
    options.binary_location = BROWSER
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield made
    with suppress(WebDriverException):
        made.quit()


# how many lines the heads of a table take, and the colour of the first row of an image
LINES = """return [...document.querySelectorAll('.panel th')].map((head) => {
    const words = document.createRange();
    words.selectNodeContents(head);
    return new Set([...words.getClientRects()].map((line) => line.top)).size;
})"""
PIXEL = """const image = document.querySelector('.paint');
    const pen = new OffscreenCanvas(image.width, image.height).getContext('2d', {willReadFrequently: true});
    pen.drawImage(image, 0, 0);
    return [...pen.getImageData(image.width * arguments[0], image.height / 6, 1, 1).data]"""


@contextmanager
def on_screen(page, width, scheme="light"):
    """A screen of some width and colours."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        page.wait(lambda: page.browser.execute_script("return innerWidth") == width)
        yield
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


class Page:
    """What a visitor does."""

    def __init__(self, browser, url, run):
        self.browser = browser
        browser.get_log("browser")
        browser.get(url)
        self.wait(lambda: browser.execute_script(IDLE) == "false")
        if self.text(".name") != run:
            self.choose("run", run)

    def wait(self, condition):
        WebDriverWait(self.browser, 60, 0.05).until(lambda _: condition())

    def choose(self, menu, run, panels=1):
        before = self.find(".panel")
        Select(self.find(f"#{menu}")).select_by_visible_text(run)
        self.wait(lambda: self.gone(before))
        self.wait(lambda: len(self.browser.find_elements(By.CSS_SELECTOR, ".panel")) == panels)
        self.idle(panels)

    @staticmethod
    def gone(element):
        try:
            return not element.is_displayed()
        except WebDriverException:
            return True

    def idle(self, panels=1):
        self.wait(lambda: self.browser.execute_script(IDLE) == ",".join(["false"] * panels))

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.find(selector).text

    def drawn(self):
        script = "return [...document.querySelectorAll('.drawn canvas')].map(c => c.toDataURL())"
        return self.browser.execute_script(script)

    def errors(self):
        return [error.text for error in self.browser.find_elements(By.CSS_SELECTOR, ".error") if error.is_displayed()]

    def type(self, selector, text):
        """Replace what a field holds."""
        self.browser.execute_script("document.querySelector(arguments[0]).select()", selector)
        self.find(selector).send_keys(Keys.DELETE, text, Keys.TAB)

    def until(self, selector, words):
        self.wait(lambda: words in self.text(selector))

    def close(self):
        """Nothing was complained about."""
        assert self.errors() == []
        assert [entry for entry in self.browser.get_log("browser") if entry["level"] != "INFO"] == []


@pytest.fixture
def visit(browser, url):
    """Open the page of a run; at the end, its console must be empty."""
    pages = []

    def of(run):
        pages.append(Page(browser, url, run))
        return pages[-1]

    yield of
    for page in pages:
        page.close()


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


# the next answer about a distribution comes late, and the completions that are asked for meanwhile later still
LATE = """const at_once = window.fetch, waits = {predict: 1500};
    window.fetch = async (path, options) => {
        const answer = await at_once(path, options), question = path.split('/').at(-1), wait = waits[question] ?? 0;
        delete waits[question];
        if (wait && question === 'predict') Object.assign(waits, {complete: 3500}), window.late = true;
        await new Promise((done) => setTimeout(done, wait));
        return answer;
    };"""


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
