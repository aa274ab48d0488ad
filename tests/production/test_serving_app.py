"""The interface: right answers, one sentence for every wrong request, and no stack trace ever."""

import asyncio
import re
import time

import httpx
import pytest
from fastapi.testclient import TestClient
from serving_fakes import Small

from recsys_book.production.serving import Backend, ServerSettings, create_app

LISTS = "/people/ann/recommendations"
EVENTS = "/people/ann/events"


@pytest.fixture
def small():
    return Small()


@pytest.fixture
def client(small):
    with TestClient(create_app(small)) as found:
        yield found


def one_sentence(answer):
    """Check that an answer is one sentence and nothing else, and return it."""
    data = answer.json()
    assert list(data) == ["error"]
    text = data["error"]
    assert text[-1] == "." and "\n" not in text and len(text) < 200
    assert not re.search(r"Traceback|File \"|line \d+|\.py|Error:|site-packages", text)
    assert not re.search(r"\. [A-Z]", text), "more than one sentence"
    return text


def test_the_fake_is_a_backend(small):
    assert isinstance(small, Backend)
    assert not isinstance(object(), Backend)


def test_a_list_and_its_second_time(client, small):
    first, second = client.get(LISTS, params={"k": 3}), client.get(LISTS, params={"k": 3})
    assert first.status_code == 200 and first.json() == second.json()
    assert [i["item"] for i in first.json()["items"]] == ["0", "1", "2"]
    assert first.json()["fallback"] is None
    assert (first.headers["x-answer"], second.headers["x-answer"]) == ("miss", "hit")
    assert small.asked == 1
    assert "app;dur=" in first.headers["server-timing"]


def test_an_event_makes_the_kept_list_useless(client, small):
    client.get(LISTS)
    assert client.post(EVENTS, json={"item": "7", "stars": 4}).status_code == 201
    assert client.get(LISTS).headers["x-answer"] == "miss"
    assert small.events["ann"] == [("7", 4.0)]
    assert client.get("/people/ann").json()["items"] == [["7", 4.0]]
    assert client.delete(EVENTS).json() == {"status": "forgotten"}
    assert small.events["ann"] == []


def test_an_answer_that_an_event_overtook_is_not_kept(client, small):
    class Overtaken(Small):
        def recommend(self, person, k, variety):
            answer = super().recommend(person, k, variety)
            return {**answer, "state": "later"}

    with TestClient(create_app(Overtaken())) as other:
        assert [other.get(LISTS).headers["x-answer"] for _ in range(2)] == ["miss", "miss"]


def test_another_k_variety_or_person_is_another_answer(client):
    client.get(LISTS)
    for path in (f"{LISTS}?k=9", f"{LISTS}?variety=0.5", "/people/bob/recommendations"):
        assert client.get(path).headers["x-answer"] == "miss"


def test_guests_items_and_neighbours(client):
    guest = client.post("/people")
    assert guest.status_code == 201
    assert client.get(f"/people/{guest.json()['person']}/recommendations").status_code == 200
    assert client.get("/items", params={"text": "<b>"}).json() == {"items": [{"item": "<b>"}]}
    assert client.get("/items/4/similar").json() == {"items": [{"item": "4"}]}


WRONG_REQUESTS = [
    ("GET", f"{LISTS}?k=0", None, 422, "'k'"),
    ("GET", f"{LISTS}?k=101", None, 422, "'k'"),
    ("GET", f"{LISTS}?k=99999999999999999999999999", None, 422, "'k'"),
    ("GET", f"{LISTS}?k=ten", None, 422, "'k'"),
    ("GET", f"{LISTS}?variety=nan", None, 422, "'variety'"),
    ("GET", f"{LISTS}?variety=2", None, 422, "'variety'"),
    ("GET", "/people/nobody/recommendations", None, 404, "no such person"),
    ("GET", "/people/%3Cscript%3Ealert(1)%3C%2Fscript%3E", None, 404, "nothing at this address"),
    ("GET", "/people/%3Cscript%3E", None, 422, "'person'"),
    ("GET", "/people/' OR 1=1 --", None, 422, "'person'"),
    ("GET", "/people/..%2F..%2Fetc%2Fpasswd", None, 404, "nothing at this address"),
    ("GET", f"/people/{'a' * 65}", None, 422, "'person'"),
    ("GET", f"/items?text={'a' * 101}", None, 422, "'text'"),
    ("GET", "/items?limit=-1", None, 422, "'limit'"),
    ("GET", "/nothing/here", None, 404, "nothing at this address"),
    ("PUT", "/people", None, 405, "method"),
    ("POST", EVENTS, b"", 422, "empty"),
    ("POST", EVENTS, b"{", 422, "JSON"),
    ("POST", EVENTS, b"\xff\xfe", 422, "JSON"),
    ("POST", EVENTS, b'{"item": "\xff\xff"}', 400, "cannot be read"),
    ("POST", EVENTS, b"[" * 4000, None, None),
    ("POST", EVENTS, b"null", 422, "body"),
    ("POST", EVENTS, b"[]", 422, "body"),
    ("POST", EVENTS, b"{}", 422, "'item'"),
    ("POST", EVENTS, b'{"item": 5}', 422, "'item'"),
    ("POST", EVENTS, b'{"item": "none"}', 404, "no such item"),
    ("POST", EVENTS, b'{"item": "x; DROP TABLE films"}', 422, "'item'"),
    ("POST", EVENTS, b'{"item": "1", "stars": 6}', 422, "'stars'"),
    ("POST", EVENTS, b'{"item": "1", "stars": "5"}', 422, "'stars'"),
    ("POST", EVENTS, b'{"item": "1", "stars": true}', 422, "'stars'"),
    ("POST", EVENTS, b'{"item": "1", "stars": NaN}', 422, "'stars'"),
    ("POST", EVENTS, b'{"item": "1", "stars": 1e999}', 422, "'stars'"),
    ("POST", EVENTS, b'{"item": "1", "admin": 1}', 422, "not known"),
    ("POST", EVENTS, b'{"item": "' + b"a" * 5000 + b'"}', 413, "too large"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "word"), WRONG_REQUESTS)
def test_every_wrong_request_gets_one_sentence(client, small, method, path, body, status, word):
    headers = {"content-type": "application/json"}
    answer = client.request(method, path, content=body, headers=headers)
    text = one_sentence(answer)
    if status is None:
        assert 400 <= answer.status_code < 500
    else:
        assert answer.status_code == status and word in text
    assert "script" not in text and "DROP" not in text, "what was sent is not repeated"
    assert small.events["ann"] == []
    assert client.app.state.service.measures.events["failed"] == 0


def test_a_body_without_a_length_is_limited_too(client):
    def pieces():
        for _ in range(100):
            yield b"a" * 100

    answer = client.post(EVENTS, content=pieces(), headers={"content-type": "application/json"})
    assert answer.status_code == 413 and "4096" in one_sentence(answer)


def test_a_bug_is_one_sentence_and_is_counted(client, small, capsys):
    def broken(person):
        raise ZeroDivisionError("secret of the inside")

    small.describe = broken
    answer = client.get("/people/ann")
    assert answer.status_code == 500
    assert "secret" not in one_sentence(answer) and "secret" not in capsys.readouterr().err
    assert client.get("/stats").json()["events"]["failed"] == 1
    assert client.get("/health").json() == {"status": "ok"}


@pytest.mark.parametrize("away", ["not loaded", "broken", "slow"])
def test_without_the_model_everybody_gets_the_popular_list(away, small):
    settings = ServerSettings(model_timeout=0.05, model_failures=2, model_rest=0.3)
    with TestClient(create_app(small, settings=settings)) as client:
        client.get("/health")
        small.there = away != "not loaded"
        small.broken = RuntimeError("gone") if away == "broken" else None
        small.slow = 0.2 if away == "slow" else 0.0
        for _ in range(4):
            answer = client.get(LISTS)
            assert answer.status_code == 200
            assert answer.json()["items"] == [{"item": "hit"}]
            assert "popular list" in answer.json()["fallback"]
            assert answer.headers["x-answer"] == "fallback"
        assert small.asked == (0 if away == "not loaded" else 2), "the breaker is open"
        assert client.get("/ready").status_code == 503
        assert client.get("/health").status_code == 200
        assert client.get("/stats").json()["events"]["fallback"] == 4
        small.there, small.broken, small.slow = True, None, 0.0
        time.sleep(0.5)
        assert client.get(LISTS).headers["x-answer"] == "miss"
        assert client.get("/ready").json()["version"] == "small-1"


def test_a_person_who_goes_while_the_model_is_asked(client, small):
    def gone(person, k, variety):
        from recsys_book.production.serving import Unknown

        raise Unknown("There is no such person; POST /people makes a guest.")

    small.recommend = gone
    assert client.get(LISTS).status_code == 404


def test_similar_items_need_the_model(client, small):
    small.there = False
    answer = client.get("/items/1/similar")
    assert answer.status_code == 503 and "away" in one_sentence(answer)


def test_a_model_that_cannot_be_loaded_leaves_the_popular_list(small, capsys):
    def load():
        raise ValueError("the file is broken")

    small.there, small.load = False, load
    with TestClient(create_app(small)) as client:
        for _ in range(100):
            if client.get("/stats").json()["events"].get("load failed"):
                break
            time.sleep(0.01)
        assert client.get(LISTS).json()["items"] == [{"item": "hit"}]
        assert client.get("/stats").json()["events"]["load failed"] == 1
    assert "cannot be loaded" in capsys.readouterr().err


def test_the_garbage_collector_leaves_the_model_alone(small, monkeypatch):
    import gc

    frozen = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(True))
    small.there = False
    with TestClient(create_app(small, settings=ServerSettings(freeze=True))) as client:
        for _ in range(200):
            if frozen:
                break
            client.get("/health")
            time.sleep(0.01)
    assert frozen == [True]


def test_metrics_are_readable_by_machines(client):
    client.get(LISTS)
    client.get(LISTS)
    client.get("/people/nobody/recommendations")
    stats = client.get("/stats").json()
    assert stats["requests"] == 3 and stats["statuses"] == {"200": 2, "404": 1}
    assert set(stats["latency_ms"]) == {"p50", "p95", "p99"}
    assert stats["cache"]["hit_rate"] == 0.5
    text = client.get("/metrics").text
    assert 'recs_requests_total{status="200"} 2' in text
    assert 'recs_cache_total{kind="hits"} 1' in text
    assert 'recs_latency_seconds{quantile="0.99"}' in text


def test_headers_that_a_page_wants(small, tmp_path):
    (tmp_path / "index.html").write_text("<p>hello")
    with TestClient(create_app(small, page=tmp_path)) as client:
        page = client.get("/")
        assert page.text == "<p>hello"
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert client.get("/nothing.js").status_code == 404
        assert client.get("/docs").status_code == 404, "it would ask a host outside"
        assert client.get(LISTS).status_code == 200


def test_a_flood_is_turned_away_and_health_stays_up(small):
    """Two places, three in the queue: of thirty at once, twenty-five are told to come again."""
    settings = ServerSettings(concurrent=2, queue=3, retry_after=7)
    small.slow = 0.1
    app = create_app(small, settings=settings)

    async def flood():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://s") as client:
            many = [client.get(f"/people/ann/recommendations?k={k}") for k in range(1, 31)]
            answers, health = await asyncio.gather(asyncio.gather(*many), client.get("/health"))
            after = await client.get(LISTS)
        return answers, health, after

    answers, health, after = asyncio.run(flood())
    status = [answer.status_code for answer in answers]
    assert status.count(200) == 5 and status.count(503) == 25
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.headers["retry-after"] == "7" and "busy" in one_sentence(refused)
    assert health.status_code == 200 and after.status_code == 200
    assert app.state.service.measures.events["shed"] == 25
