"""What failed is tried again after growing pauses, and logged once, however often it comes and goes."""

from __future__ import annotations

from fer_edge.retry import Retry


def test_pauses_double_up_to_a_minute_and_only_the_first_failure_is_news() -> None:
    retry, now, pauses, news = Retry(), 100.0, [], []
    assert retry.due < now
    for _ in range(9):
        news.append(retry.failed(now))
        pauses.append(retry.due - now)
        now = retry.due
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert news == [True] + [False] * 8


def test_it_is_well_again_after_working_for_as_long_as_the_last_pause() -> None:
    retry = Retry()
    assert not retry.worked(0.0)
    retry.failed(0.0)
    retry.failed(1.0)  # pause 2 s
    assert [retry.worked(now) for now in (3.0, 4.0, 4.9)] == [False] * 3
    assert retry.failing
    assert retry.worked(5.0)
    assert not retry.failing
    assert not retry.worked(6.0)
    assert retry.failed(7.0)
    assert retry.due == 8.0  # from the beginning


def test_what_works_for_a_moment_and_fails_again_is_no_news_and_waits_longer() -> None:
    retry, now = Retry(), 0.0
    news = [retry.failed(now)]
    for _ in range(20):
        now = retry.due
        assert not retry.worked(now)
        news.append(retry.failed(now + 0.5))
    assert sum(news) == 1
    assert retry.due - now > 60
