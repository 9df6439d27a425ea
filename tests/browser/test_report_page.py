"""Every view opened and used as a reader would."""

import pytest
from builders.browser import choose, displayed, go, one, press, texts, until


def test_every_view_opens_alone(page):
    for link in page.find_elements("css selector", "nav[aria-label=Views] a"):
        link.click()
        name = link.get_attribute("hash")[1:]
        until(lambda name=name: [v.get_attribute("id") for v in displayed(page, ".view")] == [name])
        assert link.get_attribute("aria-current") == "page"
        assert len(displayed(page, "h1")) == 1


def test_reader_sees_at_once_which_model_is_better(page):
    verdict = one(page, ".verdict")
    assert verdict.text.startswith("large is better than small")
    assert verdict.rect["y"] + verdict.rect["height"] < 300


def test_scores_sort_by_model_and_back(page):
    order = lambda: texts(page, "#scores tbody .task")  # noqa: E731
    column = lambda i: [float(t) for t in texts(page, f"#scores tbody td[data-column='{i}'] .v")]  # noqa: E731
    first, values = order(), column(0)
    button = one(page, "#scores thead [data-sort='0']")
    button.click()
    bounded = [v for v in column(0) if v <= 1]
    assert bounded == sorted((v for v in values if v <= 1), reverse=True)
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "descending"
    button.click()
    assert [v for v in column(0) if v <= 1] == sorted(v for v in values if v <= 1)
    button.click()
    assert order() == first
    one(page, "#scores thead [data-sort=task]").click()
    assert order() == sorted(first)


def test_find_opens_the_groups_of_what_it_finds(page):
    assert "subjects_01" not in texts(page, "#scores .task")
    one(page, "#find").send_keys("subjects_01")
    assert texts(page, "#scores .task") == ["subjects", "subjects_01"]
    press(page, "\ue009a\ue000\ue003", one(page, "#find"))
    assert len(texts(page, "#scores .task")) == 6


def test_groups_open_by_keyboard(page):
    button = one(page, "#scores .open")
    press(page, "\ue007", button)
    assert button.get_attribute("aria-expanded") == "true"
    assert {"subjects_00", "subjects_01"} < set(texts(page, "#scores .task"))
    press(page, "\ue007", button)
    assert "subjects_00" not in texts(page, "#scores .task")


def test_differences_come_from_the_comparisons(page):
    small = [float(t) for t in texts(page, "#scores tbody td[data-column='1'] .v")]
    large = [float(t) for t in texts(page, "#scores tbody td[data-column='0'] .v")]
    choose(page, "#mode", "difference to small")
    shown = until(lambda: texts(page, "#scores tbody td[data-column='0'] .v"))
    for text, a, b in zip(shown, large, small, strict=True):
        if text.startswith("×"):  # a perplexity is shown as a ratio
            assert float(text[1:]) == pytest.approx(a / b, abs=0.002)
        else:
            assert float(text.replace("−", "-")) == pytest.approx(a - b, abs=0.0011)
    assert sum(text.startswith("×") for text in shown) == 1
    choose(page, "#mode", "score")
    assert [float(t) for t in texts(page, "#scores tbody td[data-column='0'] .v")] == large


def test_every_metric_can_be_shown(page):
    before = len(texts(page, "#scores tbody tr"))
    one(page, "#extra").click()
    assert len(texts(page, "#scores tbody tr")) == before + 4


def test_two_models_forest_and_flipped_documents(page):
    go(page, "#compare")
    until(lambda: len(displayed(page, "#forest circle")) == 6)
    assert "large is ahead on" in one(page, "#compare-words").text
    one(page, "#forest a[href$='/boolean/boolean']").click()
    until(lambda: displayed(page, "#flips table"))
    cells = [int(t) for t in texts(page, "#flips td.num")]
    assert sum(cells) == 30
    listed = texts(page, "#flips summary")
    assert f"Only large right ({cells[1]})" in listed
    one(page, "#flips li a").click()
    until(lambda: "large" in " ".join(texts(page, "#sample .models [aria-current]")))
    assert texts(page, "#sample .badge")[0] == "✓ right"


def test_metrics_of_the_corpus_alone_say_so(page):
    go(page, "#compare/large/small/unseen_text/unseen_text")
    until(lambda: texts(page, "#flips .caption") == ["This metric has no score per document."])


def test_swapping_turns_the_signs(page):
    go(page, "#compare")
    until(lambda: len(displayed(page, "#forest circle")) == 6)
    before = [t for t in texts(page, "#forest text.value") if t[0] in "+−"]
    one(page, "#swap").click()
    after = until(
        lambda: [t for t in texts(page, "#forest text.value") if t[0] in "+−" and t not in before]
    )
    assert {t.split()[0].lstrip("+−") for t in before} == {t.split()[0].lstrip("+−") for t in after}


def test_samples_step_and_the_address_leads_back(page, address):
    go(page, "#samples/large/arithmetic/arithmetic")
    until(lambda: texts(page, "#sample h2") == ["arithmetic #0"])
    press(page, "jjjk")
    until(lambda: texts(page, "#sample h2") == ["arithmetic #2"])
    link = page.current_url
    assert link.endswith("#samples/large/arithmetic/arithmetic/2")
    press(page, "]")
    until(lambda: page.current_url.endswith("#samples/small/arithmetic/arithmetic/2"))
    page.get("about:blank")
    page.get(link)
    until(lambda: texts(page, "#sample h2") == ["arithmetic #2"])
    assert texts(page, "#sample .models [aria-current]")[0].endswith("large")
    assert displayed(page, "#sample-list [aria-selected=true] .doc")[0].text == "2"


def test_samples_filter_and_search(page):
    go(page, "#samples/small/arithmetic/arithmetic")
    until(lambda: texts(page, "#sample h2"))
    signs = {"right": "✓", "wrong": "✗"}
    counts = {}
    for show in ("right", "wrong"):
        choose(page, "#sample-show", show)
        until(lambda show=show: set(texts(page, "#sample-list .sign")) == {signs[show]})
        counts[show] = int(one(page, "#sample-count").text.split()[0])
    assert sum(counts.values()) == 30
    choose(page, "#sample-show", "prompt cut")
    until(lambda: texts(page, "#sample-list .doc") == ["3", "20"])
    choose(page, "#sample-show", "all")
    one(page, "#sample-query").send_keys("never closed")
    until(lambda: one(page, "#sample-count").text == "1 sample")
    assert texts(page, "#sample-list .doc") == ["1"]
    until(lambda: texts(page, "#sample h2") == ["arithmetic #1"])


def test_health_leads_to_the_samples_behind_a_number(page):
    go(page, "#health")
    link = one(page, "#health a[href*='show=truncated']")
    expected = int(link.text)
    link.click()
    until(lambda: one(page, "#sample-count").text == f"{expected} samples")
    assert any("prompt cut by" in t for t in texts(page, "#sample .badge"))
