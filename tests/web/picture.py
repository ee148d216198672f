"""A picture of the page with half of a test event known: ``python -m tests.web.picture RUN OUT.png``."""

from __future__ import annotations

import shutil
import sys
import threading
import time

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tensorar.workflows.explore import Shelf
from tensorar_web.server import PageServer


def picture(run: str, out: str, event: int = 3) -> None:
    """Load an event, forget its second half, look at the first unknown coefficient."""
    server = PageServer(Shelf(run, "cpu"))
    threading.Thread(target=server.run, daemon=True).start()
    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "window-size=1100,1500", "hide-scrollbars"):
        options.add_argument(f"--{argument}")
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))

    def find(selector):
        return browser.find_element(By.CSS_SELECTOR, selector)

    def until(words):
        WebDriverWait(browser, 120).until(
            lambda _: words in find(".logp").text and find(".panel").get_attribute("aria-busy") == "false"
        )

    browser.get(server.url)
    WebDriverWait(browser, 120).until(lambda b: b.find_elements(By.CSS_SELECTOR, ".panel"))
    until("nothing")
    browser.execute_script(f"document.querySelector('.number').value = {event}")
    find(".load").click()
    until("784 of 784")
    find(".half").click()
    until("392 of 784")
    find(".paint").send_keys(*["\ue015"] * 14, *["\ue014"] * 12)
    time.sleep(3)
    browser.save_screenshot(out)
    browser.quit()
    server.stop()


if __name__ == "__main__":
    picture(*sys.argv[1:])
