"""What is hostile, large, wrong or missing."""

import shutil

from builders import report_run
from builders.browser import displayed, empty_logs, go, one, texts, until


def test_hostile_text_is_shown_not_obeyed(page):
    answer, hidden = "#sample .answer", "#sample .answer .hidden-character"
    script = "<script>document.title = 'owned'</script>"
    go(page, "#samples/large/passages/passages/0")
    until(lambda: any(script in text for text in texts(page, answer)))
    assert not displayed(page, "#sample img, #sample script")
    go(page, "#samples/large/passages/passages/2")
    until(lambda: "U+202E" in texts(page, hidden))
    go(page, "#samples/large/passages/passages/3")
    until(lambda: {"U+0000", "U+0007", "U+001B", "U+000D"} <= set(texts(page, hidden)))
    assert "<|im_end|>" in texts(page, "#sample .token")


def test_policy_stops_what_is_not_the_page(browser, address):
    """If markup got into the page, the browser itself would refuse to run it or send anything."""
    browser.get("about:blank")
    browser.get(address)
    stopped = browser.execute_async_script(
        """
        const done = arguments[0];
        const stopped = new Set();
        const note = (event) => stopped.add(event.effectiveDirective);
        document.addEventListener("securitypolicyviolation", note);
        const make = (name, set) => Object.assign(document.createElement(name), set);
        const add = (name, set) => document.body.append(make(name, set));
        add("script", { textContent: "document.title = 'owned'" });
        add("script", { src: "https://example.invalid/x.js" });
        add("img", { src: "https://example.invalid/x.png" });
        add("iframe", { src: "https://example.invalid/" });
        const box = document.createElement("div");
        box.innerHTML = "<b style='color: red' onclick='document.title=1'>x</b>";
        document.body.append(box);
        box.firstChild.click();
        fetch("https://example.invalid/").catch(() => {});
        setTimeout(() => done([...stopped].sort()), 500);
        """
    )
    assert stopped == [
        "connect-src",
        "frame-src",
        "img-src",
        "script-src-attr",
        "script-src-elem",
        "style-src-attr",
    ]
    assert browser.title == "A synthetic run · snakeval"
    empty_logs(browser)


def test_a_megabyte_is_shorteneduntil_asked_for(page):
    go(page, "#samples/large/arithmetic/arithmetic/6")
    more = until(lambda: displayed(page, "#sample .answer .more"))[0]
    assert len(one(page, "#sample .answer").text) < 7000
    more.click()
    assert (
        page.execute_script("return document.querySelector('#sample .answer').textContent.length")
        > 1_000_000
    )


def test_wrong_addresses_say_what_is_wrong(page):
    for fragment, shown in (
        ("#samples/nobody/arithmetic/arithmetic/1", "this run has no model nobody"),
        ("#samples/large/nothing/nothing/1", "this run has no task nothing"),
        ("#samples/large/arithmetic/arithmetic/9999", "arithmetic has no document 9999"),
    ):
        go(page, fragment)
        until(lambda shown=shown: texts(page, "#sample [role=alert]") == [shown])


def test_missing_sample_files_are_named(browser, tmp_path):
    settings = report_run.make(tmp_path, models=1, tasks=1, documents=2)
    page = report_run.write(tmp_path, settings)
    shutil.rmtree(tmp_path / "report/samples")
    browser.get(page.as_uri() + "#samples")
    shown = "cannot be read. Put the folder “samples” next to the page."
    until(lambda: any(shown in text for text in texts(browser, "#sample [role=alert]")))
    empty_logs(browser)
