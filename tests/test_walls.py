"""walls: bot walls told by their answers."""

from __future__ import annotations

import pytest

from pipeline import walls

WALLS = [
    ("Cloudflare", 403, {"cf-mitigated": "challenge"}, b""),
    ("Cloudflare", 503, {"server": "cloudflare"}, b"<!DOCTYPE html><html><head><title>Just a moment...</title>"),
    ("Cloudflare", 403, {}, b"<title>Attention Required! | Cloudflare</title>"),
    ("DataDome", 403, {"x-datadome": "protected"}, b""),
    ("DataDome", 403, {}, b"<script>var dd={'host':'geo.captcha-delivery.com'}</script>"),
    ("Akamai", 403, {"server": "AkamaiGHost"}, b"<TITLE>Access Denied</TITLE> You don't have permission to access "
     b"\"http&#58;&#47;&#47;a\" on this server.<P>Reference&#32;&#35;18&#46;2d351ab8"),
    ("Imperva", 200, {}, b'<html><script src="/_Incapsula_Resource?SWJIYLWA=719"></script></html>'),
    ("Imperva", 403, {}, b"Request unsuccessful. Incapsula incident ID: 1-2"),
    ("PerimeterX", 403, {}, b'<div id="px-captcha"></div><script>window._pxAppId = "PX1";</script>'),
    ("AWS WAF", 202, {"x-amzn-waf-action": "challenge"}, b""),
]  # fmt: skip


@pytest.mark.parametrize(("wall", "status", "headers", "body"), WALLS)
def test_a_bot_wall_is_known_by_its_answer(wall, status, headers, body):
    assert walls.recognise(status, headers, body) == wall


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (403, {"server": "cloudflare", "cf-ray": "1"}, b"<h1>403 Forbidden</h1>"),
        (404, {"server": "cloudflare"}, b"<title>Just a moment...</title>"),
        (403, {"server": "AkamaiGHost"}, b"<h1>Forbidden</h1>"),
        (403, {}, b"Access denied: subscribers only. You don't have permission to access this page."),
        (200, {"x-datadome": "protected"}, b"<html><title>News</title>"),
        (None, {}, b""),
    ],
)
def test_an_ordinary_refusal_of_a_publisher_behind_such_a_product_is_no_wall(status, headers, body):
    assert walls.recognise(status, headers, body) == ""
