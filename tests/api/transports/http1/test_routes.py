"""What a URL becomes."""

from __future__ import annotations

import pytest

from engine.api.transports.http1.routes import Proxy, Routes
from engine.errors import Undeliverable


@pytest.mark.parametrize(
    ("url", "place", "host", "target"),
    [
        ("http://a.example/b", ("a.example", 80, False), "a.example", "/b"),
        ("http://a.example:80/", ("a.example", 80, False), "a.example", "/"),
        ("http://a.example:443/", ("a.example", 443, False), "a.example:443", "/"),
        ("https://a.example", ("a.example", 443, True), "a.example", "/"),
        ("https://a.example:443?b", ("a.example", 443, True), "a.example", "/?b"),
        ("https://a.example:80/?b", ("a.example", 80, True), "a.example:80", "/?b"),
        ("HTTPS://A.example/B", ("a.example", 443, True), "a.example", "/B"),
        ("http://[::1]/", ("::1", 80, False), "[::1]", "/"),
        ("https://[2001:db8::1]:8443/a", ("2001:db8::1", 8443, True), "[2001:db8::1]:8443", "/a"),
        ("http://xn--bcher-kva.example/", ("xn--bcher-kva.example", 80, False), "xn--bcher-kva.example", "/"),
        ("http://a.example//b/../c?d=http://e/", ("a.example", 80, False), "a.example", "//b/../c?d=http://e/"),
    ],
)
def test_routes(url: str, place: tuple[str, int, bool], host: str, target: str) -> None:
    """Where to, the Host header without a default port, and the target as it is."""
    routes = Routes(None)
    for _ in range(2):
        route, found = routes.find(url)
        assert (place, target) == ((route.host, route.port, route.secure), found)
        assert f" HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip, deflate\r\n" == route.opening


def test_origins_are_told_apart() -> None:
    """An origin that begins like another is another; the same one is the same."""
    routes = Routes(None)
    urls = [
        "http://a.example",
        "http://a.example.evil",
        "http://a.example:8080",
        "https://a.example",
        "http://a.exampl",
    ]
    found = [routes.find(url + "/x")[0] for url in urls]
    assert 5 == len({id(route) for route in found})
    assert found == [routes.find(url)[0] for url in urls]
    assert [url.partition("//")[2].partition(":")[0] for url in urls] == [route.host for route in found]


def test_credentials_of_a_proxy() -> None:
    """Go to the proxy itself: with each request that it sees, never with one that it only passes on."""
    routes = Routes(Proxy("proxy", 3128, "Proxy-Authorization: Basic x\r\n"))
    plain, target = routes.find("http://a.example/b")
    assert ("http://a.example/b", True) == (target, plain.opening.endswith("Proxy-Authorization: Basic x\r\n"))
    secure, target = routes.find("https://a.example/b")
    assert ("/b", False, "a.example:443") == (target, "Proxy" in secure.opening, secure.authority)
    assert "[::1]:443" == routes.find("https://[::1]/")[0].authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/a",
        "a.example/b",
        "ftp://a.example/",
        "http:///a",
        "http://:80/",
        "http://a.example:0/",
        "http://a.example:x/",
        "http://a.example:99999/",
        "http://user:secret@a.example/",
        "http://[::1/",
        "http://b\u00fccher.example/",
        "http://a b/",
        "http://a\r\nX: y/",
        "http://a..example/",
        "http://a.example/a b",
        "http://a.example/\n",
        "http://a.example/\x7f",
        "http://a.example/a#b",
        "\nhttp://a.example/",
        "\n",
    ],
)
def test_no_url(url: str) -> None:
    """What is not an encoded http URL with a host is not sent."""
    routes = Routes(None)
    for _ in range(2):
        with pytest.raises(Undeliverable, match="cannot be sent") as error:
            routes.find(url)
        assert "secret" not in str(error.value)
        routes.find("http://a.example/")
