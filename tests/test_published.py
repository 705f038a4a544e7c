"""The pages beside published code are what the committed results say."""

from __future__ import annotations

import published_searchers
from published import comparing


def test_the_pages_are_made_from_the_results():
    results = published_searchers.read()
    page = published_searchers.RESULTS / "published.md"
    assert page.read_text(encoding="utf-8") == published_searchers.markdown(results)
    text = published_searchers.DOCS.read_text(encoding="utf-8")
    assert published_searchers.with_tables(text, results) == text


def test_what_is_compared_can_fail():
    same = comparing.equal("flags", [True, False])
    assert "1 of 2" in comparing.table([same])
    far = comparing.distribution("draws", [0] * 500, [1] * 500)
    assert "p < 0.001" in comparing.table([far])
    near = comparing.means("means", [1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert "z = +0.00" in comparing.table([near])
