import json
import os
import re
import shlex
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent / "projects" / "studio"
WAIT = 60
"""Seconds until something hangs, and is not only slow."""


@pytest.fixture(scope="module")
def studio(serve):
    return serve(PROJECT).url


@pytest.fixture(scope="module")
def secured(serve, tmp_path_factory):
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text("a-token-of-the-test-0123456789")
    token.chmod(0o600)
    return serve(PROJECT, token_file=token).url, token.read_text()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} here")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,1000"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with ExitStack() as stack:
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        stack.callback(driver.quit)
        yield driver


class Page:
    """The page as somebody uses it."""

    def __init__(self, browser, url):
        self.browser = browser
        self.url = url
        for kind in ("browser", "performance"):
            browser.get_log(kind)
        browser.get(url)

    def by(self, identifier):
        return self.browser.find_element("id", identifier)

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def text(self, identifier):
        return self.by(identifier).text

    def until(self, holds, what="it"):
        until = time.monotonic() + WAIT
        while not (found := holds()):
            if time.monotonic() > until:
                pytest.fail(f"{what} does not come: {self.text('status')!r}, {self.text('failure')!r}")
            time.sleep(0.02)
        return found

    def loaded(self):
        self.until(lambda: self.by("run").is_enabled(), "the form")
        return self

    def tab(self, name):
        next(tab for tab in self.all("[role=tab]") if tab.text == name).click()

    def field(self, name):
        label = next(each for each in self.all(".field label") if each.text == name)
        return self.by(label.get_attribute("for"))

    def error(self, name):
        return self.by(self.field(name).get_attribute("id") + "-error").text

    def put(self, name, text):
        field = self.field(name)
        field.clear()
        field.send_keys(text)

    def run(self):
        self.by("run").click()
        return self.ended()

    def ended(self):
        self.until(lambda: not self.by("cancel").is_displayed() and self.text("status"), "an end")
        return self.text("status")

    def output(self, name):
        return next(each for each in self.all(".output") if each.get_attribute("aria-label") == name)

    def logged(self):
        """What the browser complained about, but for answers of the server that say no: these it logs as well."""
        return [each for each in self.browser.get_log("browser") if each["source"] != "network"]

    def asked(self):
        """Every address that the page asked for."""
        events = (json.loads(each["message"])["message"] for each in self.browser.get_log("performance"))
        sent = (each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent")
        return [url for url in sent if not url.startswith(("chrome:", "about:"))]


@pytest.fixture
def page(browser, studio):
    """The page; nothing that a test does with it may leave an error, or reach beyond the server."""
    found = Page(browser, studio).loaded()
    yield found
    assert found.logged() == []
    assert {url for url in found.asked() if not url.startswith((f"{studio}/", f"blob:{studio}/"))} <= {studio}


def test_the_model_says_what_it_is(page):
    assert page.text("name") == page.browser.title == "studio"
    assert page.text("version") == "1.4.0"
    assert "counts aloud" in page.text("description")
    page.until(lambda: page.text("state-text") == "ready")
    assert [tab.text for tab in page.all("[role=tab]")] == ["run", "copy", "count", "hang", "weigh"]


def test_each_type_has_its_field(page):
    times = page.field("times")
    assert [times.get_attribute(each) for each in ("type", "min", "max", "step", "value")] == [
        "number",
        "1",
        "5",
        "1",
        "1",
    ]
    assert page.field("warmth").get_attribute("step") == "any"
    assert page.field("who").get_attribute("type") == "text"
    assert page.field("who").get_attribute("aria-required") == "true"
    assert page.field("story").tag_name == "textarea"
    assert page.field("price").get_attribute("inputmode") == "decimal"
    assert page.field("loud").get_attribute("type") == "checkbox"
    assert page.field("style").tag_name == "select"
    assert page.field("style").get_attribute("value") == "0"
    assert page.field("tags").tag_name == page.field("options").tag_name == "textarea"
    page.tab("copy")
    image = page.field("image")
    assert image.get_attribute("type") == "file"
    assert image.get_attribute("accept") == "image/png,image/jpeg"
    assert image.get_attribute("multiple") is None


def test_a_form_runs_the_model_and_shows_what_it_gives(page):
    page.put("who", "Ada")
    page.put("times", "2")
    page.put("price", "10.50")
    page.field("loud").click()
    page.field("style").send_keys("warm")
    page.put("tags", '["a", "b"]')
    page.put("options", '{"size": 12345678901234567890}')
    assert re.fullmatch(r"Done in [\d.]+ m?s", page.run())
    assert "Hello, Ada! Hello, Ada!" in page.output("greeting").text
    assert "The words" in page.output("greeting").text
    assert page.output("count").find_element("css selector", ".number").text == "2"
    seen = json.loads(page.output("seen").find_element("css selector", "pre").text)
    assert seen["price"] == "10.50"
    assert seen["loud"] == "True"
    assert seen["style"] == "warm"
    assert seen["tags"] == "['a', 'b']"
    assert seen["options"] == "{'size': 12345678901234567890}"
    assert "story" not in seen
    page.by("log-box").find_element("tag name", "summary").click()
    assert page.text("log").strip() == "greeting Ada"


def test_what_is_wrong_is_said_at_its_field(page):
    page.put("times", "9")
    page.put("options", '{"size": "large"}')
    assert page.run() == "The inputs are not right"
    assert page.error("who") == "who is required."
    assert page.error("times") == "times must be at most 5, not 9."
    assert page.error("options") == "options.size must be an integer, not a string."
    assert page.error("warmth") == ""
    assert page.field("times").get_attribute("aria-invalid") == "true"
    assert page.browser.switch_to.active_element == page.field("who")
    assert page.text("form-error") == "3 things about the inputs are not right."
    page.put("who", "Ada")
    assert page.error("who") == ""
    page.put("times", "1")
    page.put("options", "")
    page.run()
    assert "Hello, Ada!" in page.output("greeting").text
    assert page.all("[aria-invalid]") == []


def test_what_is_no_json_is_said_before_anything_is_sent(page):
    page.put("who", "Ada")
    page.put("options", "{size: 1}")
    before = len([url for url in page.asked() if "/v1/" in url])
    page.by("run").click()
    assert page.error("options").startswith("options must be JSON")
    assert page.browser.switch_to.active_element == page.field("options")
    assert [url for url in page.asked() if "/v1/" in url] == []
    assert before == 0


def test_a_model_that_fails_says_why_with_its_log(page):
    page.put("who", "nobody")
    assert page.run().startswith("Failed")
    assert "there is nobody to greet" in page.text("failure")
    assert "model.error" in page.text("failure")
    assert "model.py" in page.by("failure").find_element("tag name", "pre").text
    assert page.text("log").strip().startswith("greeting nobody")


def test_foreign_text_is_text(page):
    words = "<img src=x onerror=alert(1)><b>bold</b>"
    page.put("who", words)
    page.run()
    assert words in page.output("greeting").text
    assert page.all("#outputs b, #outputs img") == []


def test_a_picture_goes_in_and_comes_out(page, picture):
    page.tab("copy")
    page.field("image").send_keys(str(picture))
    assert page.all(".files .file-name")[0].text == "cat.png"
    page.put("note", "a note\nof two lines")
    assert page.run().startswith("Done")
    shown = page.until(lambda: page.output("picture").find_elements("tag name", "img"))[0]
    page.until(lambda: page.browser.execute_script("return arguments[0].naturalWidth", shown) == 24, "the picture")
    assert "picture_0.png (image/png, " in page.output("picture").text
    link = page.output("picture").find_element("tag name", "a").get_attribute("href")
    with urllib.request.urlopen(link, timeout=WAIT) as answer:
        assert answer.read() == picture.read_bytes()
    page.until(lambda: "of two lines" in page.output("note").text, "the note")


def test_a_file_can_be_taken_back_and_one_of_another_type_is_refused(page, picture, tmp_path):
    (tmp_path / "note.txt").write_text("no picture")
    page.tab("copy")
    page.field("image").send_keys(str(picture))
    page.all(".files button")[0].click()
    assert page.all(".files li") == []
    assert page.browser.switch_to.active_element == page.field("image")
    assert page.run() == "The inputs are not right"
    assert page.error("image") == "image: is required: a file."
    page.field("image").send_keys(str(tmp_path / "note.txt"))
    page.run()
    assert "its content is text/plain" in page.error("image")


def test_what_was_left_out_is_said(page, picture, tmp_path):
    (tmp_path / "mask.txt").write_text("no picture")
    page.tab("copy")
    page.field("image").send_keys(str(picture))
    page.field("mask").send_keys(str(tmp_path / "mask.txt"))
    assert page.run().startswith("Done")
    assert page.text("warnings").startswith("mask: mask.txt is skipped: its content is text/plain")


def test_a_file_can_be_dropped(page):
    page.tab("copy")
    page.browser.execute_script(
        """
        const carried = new DataTransfer();
        carried.items.add(new File(["x"], "dropped.png", {type: "image/png"}));
        document.querySelector(".drop").dispatchEvent(
            new DragEvent("drop", {dataTransfer: carried, bubbles: true, cancelable: true}));
        """
    )
    assert page.all(".files .file-name")[0].text == "dropped.png"


def test_a_stream_is_shown_as_it_comes_with_its_progress(page):
    page.tab("count")
    page.put("to", "5")
    page.put("pause", "0.3")
    page.by("run").click()
    page.until(lambda: page.all(".text.growing") and "2" in page.output("words").text, "the second piece")
    assert page.by("cancel").is_displayed()
    assert "5" not in page.output("words").text.partition("words")[2]
    page.until(lambda: page.by("progress-box").is_displayed(), "progress")
    assert page.by("progress-text").text.startswith("at ")
    assert page.ended().startswith("Done")
    assert "1 2 3 4 5" in page.output("words").text
    assert page.all(".growing") == []
    assert not page.by("progress-box").is_displayed()


def test_a_call_that_hangs_is_cancelled_and_the_next_one_runs(page):
    page.tab("hang")
    page.by("run").click()
    page.until(lambda: page.by("log").get_attribute("textContent") == "on and on\n", "the log")
    page.until(lambda: page.text("status").startswith("Running"), "the call")
    page.by("cancel").click()
    assert page.ended() == "Cancelled"
    page.tab("run")
    page.put("who", "Ada")
    assert page.run().startswith("Done")


def test_all_of_it_goes_by_keyboard(page):
    from selenium.webdriver import ActionChains, Keys

    def press(*keys):
        actions = ActionChains(page.browser)
        for key in keys:
            actions = actions.send_keys(key)
        actions.perform()

    def active():
        return page.browser.switch_to.active_element

    press(Keys.TAB)
    assert active().text == "Skip to the inputs"
    press(Keys.TAB)
    assert active().text == "run"
    press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert active().text == "count"
    assert active().get_attribute("aria-selected") == "true"
    press(Keys.HOME, Keys.TAB)
    assert active() == page.field("who")
    press("Ada")
    ActionChains(page.browser).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()
    assert page.ended().startswith("Done")
    assert "Hello, Ada!" in page.output("greeting").text
    press(Keys.ENTER)  # the focus is somewhere useful: in the field, or on the button
    assert page.ended().startswith("Done")


def test_every_control_has_a_name_and_every_field_its_words(page):
    for name in ("run", "copy", "count", "hang"):
        page.tab(name)
        for control in page.all("input, select, textarea, button, summary, a"):
            if control.is_displayed():
                assert control.accessible_name, control.get_attribute("outerHTML")
    page.tab("run")
    described = page.field("who").get_attribute("aria-describedby").split()
    assert page.by(described[0]).text == "Who is greeted"
    assert page.by("outputs").get_attribute("aria-live") == "polite"
    assert page.by("failure").get_attribute("role") == "alert"


def test_it_fits_a_phone_and_the_dark(page):
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    )
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    try:
        assert page.browser.execute_script("return document.documentElement.scrollWidth") <= 360
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
        color = page.browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert max(map(int, re.findall(r"\d+", color))) < 60
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_curl_command_does_the_same(page, picture):
    page.put("who", 'it\'s "Ada" $HOME')
    page.by("curl-box").find_element("tag name", "summary").click()
    words = page.until(lambda: "Ada" in page.text("curl") and page.text("curl"))
    assert words.startswith("curl ")
    found = json.loads(subprocess.run(words, shell=True, capture_output=True, timeout=WAIT, check=True).stdout)
    assert found["outputs"]["greeting"] == 'Hello, it\'s "Ada" $HOME!'
    page.tab("copy")
    page.field("image").send_keys(str(picture))
    page.put("note", "@not a file; type=x")
    words = page.until(lambda: "note" in page.text("curl") and page.text("curl"))
    assert shlex.split(words.replace("\\\n", ""))[0] == "curl"
    found = subprocess.run(words, shell=True, capture_output=True, timeout=WAIT, check=True, cwd=picture.parent)
    assert json.loads(found.stdout)["outputs"]["picture"][0]["size_bytes"] == picture.stat().st_size


def test_reset_brings_the_defaults_back(page):
    page.put("who", "Ada")
    page.put("times", "9")
    page.run()
    page.by("reset").click()
    assert page.field("who").get_attribute("value") == ""
    assert page.field("times").get_attribute("value") == "1"
    assert page.error("times") == ""


def test_a_token_is_asked_for_and_kept_nowhere(browser, secured, picture):
    url, token = secured
    page = Page(browser, url)
    page.until(lambda: page.by("token-dialog").is_displayed(), "the dialog")
    assert page.text("name") == "Model"
    page.by("token").send_keys("wrong\n")
    page.until(lambda: page.text("token-error"), "the refusal")
    page.by("token").send_keys(token + "\n")
    page.loaded()
    assert page.text("name") == "studio"
    page.tab("copy")
    page.field("image").send_keys(str(picture))
    assert page.run().startswith("Done")
    shown = page.until(lambda: page.output("picture").find_elements("css selector", "img[src]"))[0]
    assert shown.get_attribute("src").startswith(f"blob:{url}/")
    page.until(lambda: page.browser.execute_script("return arguments[0].naturalWidth", shown) == 24, "the picture")
    page.by("curl-box").find_element("tag name", "summary").click()
    assert "Bearer $TOKEN" in page.text("curl")
    kept = (
        "return JSON.stringify([localStorage, sessionStorage, document.cookie, location.href, document.body.outerHTML])"
    )
    assert token not in browser.execute_script(kept)
    assert page.by("token").get_attribute("value") == ""
    assert page.logged() == []


def status_of(url):
    try:
        with urllib.request.urlopen(url, timeout=WAIT) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def test_without_a_token_the_page_shows_nothing_of_the_model(secured):
    url, _ = secured
    for path in ("/", "/page/page.js", "/page/state.json"):
        with urllib.request.urlopen(url + path, timeout=WAIT) as answer:
            assert b"studio" not in answer.read()
    assert status_of(f"{url}/page/interface.json") == 401


def test_nothing_may_be_loaded_from_elsewhere_and_nobody_may_frame_it(studio):
    with urllib.request.urlopen(f"{studio}/", timeout=WAIT) as answer:
        policy = dict(each.split(" ", 1) for each in answer.headers["content-security-policy"].split("; "))
        html = answer.read().decode()
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in html
    assert " style=" not in html
    assert not re.search(r"(src|href)=\"(?!/|#)", html)


@pytest.mark.parametrize(
    "path", ["/page/page.html", "/page/..%2fpage.py", "/page/%2e%2e/page.py", "/page/", "/page/x/y"]
)
def test_there_is_no_other_file(studio, path):
    assert status_of(studio + path) == 404


@pytest.fixture
def picture(tmp_path):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "cat.png"
    image.new("RGB", (24, 16), "teal").save(path)
    return path
