"""What a visitor of the page does, in a browser."""

from __future__ import annotations

from contextlib import contextmanager

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

IDLE = "return [...document.querySelectorAll('.panel')].map(p => p.getAttribute('aria-busy')).join()"


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
