"""Nothing leaves the API's origin."""

from __future__ import annotations

import pytest

from engine.api.origin import Origin
from engine.errors import Undeliverable, Unusable
from tests.api.parts import get

ORIGIN = Origin("https://grc.example.org/api")


@pytest.mark.parametrize(
    ("query", "url"),
    [
        ((), "https://grc.example.org/api/things/"),
        ((("ref_id", "A-1"),), "https://grc.example.org/api/things/?ref_id=A-1"),
        ((("q", "a b&c=d#é+/?"),), "https://grc.example.org/api/things/?q=a%20b%26c%3Dd%23%C3%A9%2B%2F%3F"),
        ((("a", "1"), ("a", "2"), ("b[]", "")), "https://grc.example.org/api/things/?a=1&a=2&b%5B%5D="),
    ],
)
def test_url_of_a_request(query: tuple[tuple[str, str], ...], url: str) -> None:
    """Base path, path and encoded query; a repeated name stays repeated."""
    assert url == ORIGIN.url(get(query=query))


@pytest.mark.parametrize(
    "path",
    [
        "/a/../b",
        "/a/./b",
        "/a/%2e%2E/b",
        "/a/.%2e",
        "/a\\..\\b",
        "/a%2Fb",
        "/a%5cb",
        "/a?b=1",
        "/a#b",
        "/a b",
        "/a\r\nHost: x",
    ],
)
def test_a_path_that_could_change_the_target(path: str) -> None:
    """Refused before anything is sent, whatever let it through."""
    with pytest.raises(Undeliverable, match="could change the target"):
        ORIGIN.url(get(path))


def test_half_a_surrogate_pair() -> None:
    """Is no text that could be sent."""
    with pytest.raises(Undeliverable, match="surrogate"):
        ORIGIN.url(get(query=(("q", "\ud800"),)))


@pytest.mark.parametrize("path", ["/a/..b/c..", "/a/%20%C3%A9/", "/a/x.y~z/@:;,=", "/a//"])
def test_harmless_paths(path: str) -> None:
    """Dots within a segment and encoded text go through as they are."""
    assert f"https://grc.example.org/api{path}" == ORIGIN.url(get(path))


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("/api/things/?limit=2&offset=2", "https://grc.example.org/api/things/?limit=2&offset=2"),
        ("https://grc.example.org/api/things/?c=x%3D%3D", "https://grc.example.org/api/things/?c=x%3D%3D"),
        ("https://GRC.example.org:443/api/things/", "https://grc.example.org/api/things/"),
        ("http://grc.example.org/api/things/?p=2", "https://grc.example.org/api/things/?p=2"),
        ("http://grc.example.org:8000/api/things/?p=2", "https://grc.example.org/api/things/?p=2"),
        ("//grc.example.org/api/things/", "https://grc.example.org/api/things/"),
        ("?page=2", "https://grc.example.org/api/things/?page=2"),
        ("/api/things/?q=é", "https://grc.example.org/api/things/?q=%C3%A9"),
    ],
)
def test_next_is_path_and_query_at_our_origin(link: str, url: str) -> None:
    """Absolute, relative or query only; a scheme or port that a TLS proxy made differ does not matter."""
    assert url == ORIGIN.url(get(query=(("page", "1"),), next_link=link))


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example.org/api/things/?p=2",
        "//evil.example.org/api/things/",
        "https://grc.example.org:8443/api/things/",
        "https://grc.example.org.evil.org/",
        "https://grc.example.org@evil.org/",
        "ftp://grc.example.org/api/",
        "javascript:alert(1)",
        "things/?p=2",
        "",
        "/api/../admin/?p=2",
        "/api/things/\\..\\x",
        "https://[::1/api",
        "https://grc.example.org:99999/api/",
    ],
)
def test_next_never_leads_elsewhere(link: str) -> None:
    """Another host, another port, a path that could change the target: a permanent failure."""
    with pytest.raises(Undeliverable, match="next link"):
        ORIGIN.url(get(next_link=link))


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/api/things/1/", "https://grc.example.org/api/things/1/"),
        ("https://grc.example.org/x?y=1", "https://grc.example.org/x?y=1"),
        ("2/", "https://grc.example.org/api/things/2/"),
        ("http://grc.example.org/x", None),
        ("https://grc.example.org:8443/x", None),
        ("https://evil.example.org/x", None),
        ("//evil.example.org/x", None),
        ("/x y", None),
        ("https://[::1/x", None),
    ],
)
def test_redirects_stay_within_the_origin(location: str, target: str | None) -> None:
    """Scheme, host and port must be the API's own."""
    assert target == ORIGIN.redirect("https://grc.example.org/api/things/", location)


@pytest.mark.parametrize(
    "url", ["ftp://x/api", "grc.example.org/api", "http://", "http://user:pass@x/", "http://x/?a=1", "http://x:99999/"]
)
def test_an_unusable_url(url: str) -> None:
    """Is refused when the client is built, and a password in it is not repeated."""
    with pytest.raises(Unusable) as error:
        Origin(url)
    assert "pass@" not in str(error.value)


def test_ipv6_and_ports() -> None:
    """An address in brackets and a port are kept."""
    assert "http://[::1]:8000/api/things/" == Origin("http://[::1]:8000/api/").url(get())
