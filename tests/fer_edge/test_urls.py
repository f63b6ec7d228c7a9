"""Addresses are read in one way, and no part of a password is ever shown."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from fer_edge.errors import FerEdgeError
from fer_edge.sources import choose, open_files
from fer_edge.sources.options import SourceOptions
from fer_edge.sources.stream import NetworkCamera
from fer_edge.urls import mask, mask_in_text, parse
from hypothesis import given
from hypothesis import strategies as st

# Neither a message nor a host below has these letters, so three in a row can only be a password's.
passwords = st.text("QZXJ#/?@:%&=;[] \\\"'\t", min_size=3, max_size=20)
places = ["127.0.0.1:9/path", "host:9/x?size=2", "[::1]:9", "h/a@b"]


def parts(password: str) -> set[str]:
    """The pieces of a password that a message must not have."""
    return {piece for piece in re.findall(r"[QZXJ]{2,}", password) if piece}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://host:554/path", "rtsp://host"),
        ("--source=rtsp://[::1]:554/path", "--source=rtsp://[::1]"),
        ("rtsp://ann:secret@host/path", "rtsp://host"),
        ("rtsp://ann:se/cr@t@host/path", "rtsp://***"),
        ("rtsp://ann:se cr#t@host/path", "rtsp://***"),
        ("http://host/video?user=ann&password=secret&size=2", "http://host"),
        ("http://host/video?p=secret", "http://host"),
        ("http://host/secret/stream.m3u8", "http://host"),
        ("rtsp://host/user=ann_password=tlJw_channel=1.sdp", "rtsp://host"),
        ("rtsp:host/secret", "rtsp:***"),
        ("rtsp:ann:secret@host/path", "rtsp:***"),
        ("ann:se/cr@et@host/path", "***"),
        ("10.0.0.1/secret", "10.0.0.1/***"),
        ("//10.0.0.1:80/secret", "//10.0.0.1/***"),
        ("camera.local:554/secret", "camera.local/***"),
        ("cam/video.cgi?p=secret", "cam/video.cgi?***"),
        ("cam/user=ann_password=tlJw", "cam/user=***"),
        ("ann:secret@host/path", "***@host"),
        ("/home/pi/holiday?.mp4", "/home/pi/holiday?.mp4"),
        ("10.0.0.1.mp4", "10.0.0.1.mp4"),
        ("log.mode=frames", "log.mode=frames"),
        ("camera:0", "camera:0"),
    ],
)
def test_mask(url: str, shown: str) -> None:
    assert mask(url) == shown


@given(st.text(min_size=1))
def test_no_password_survives(password: str) -> None:
    assert mask(f"rtsp://ann:{password}@host/path") in ("rtsp://host", "rtsp://***")


@given(passwords)
def test_no_path_survives(password: str) -> None:
    """Whatever stands behind the host is not shown, with a scheme and without one."""
    for url in ("rtsp://cam/{}", "rtsp://cam/x?{}", "rtsp:cam/{}", "10.0.0.1/{}", "http://cam/x?psw={}"):
        assert not [piece for piece in parts(password) if piece in mask(url.format(password))]


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("rtsp://admin:S3cr@t-Pass#word@host/", "holds #, @; write # as %23, @ as %40 "),
        ("rtsp://ann:a/b@host:554/x", "holds /; write / as %2F "),
        ("rtsp://ann:12/3@host/x", "holds /; write / as %2F "),
        ("rtsp://ann:a?b@host", r"holds \?; write \? as %3F "),
        ("rtsp://ann:a b@host", "holds a space; write a space as %20 "),
        ("rtsp://ann:a[b@host", r"holds \[; write \[ as %5B "),
        ("http://host/?password=a#b", "holds a #, at which an address ends; write # as %23"),
        ("http://:80/x", "is not a URL with a host and a port"),
        ("http://host:99999/x", "its port is no number from 1 to 65535"),
        ("http://ann:pass@host:http/x", "its port is no number from 1 to 65535"),
        ("http://ann:pass@ho st/x", "is not a URL with a host and a port"),
        ("http://[x", "is not a URL with a host and a port"),
    ],
)
def test_what_to_write_is_said(url: str, cure: str) -> None:
    with pytest.raises(ValueError, match=cure):
        parse(url)


@pytest.mark.parametrize(
    ("url", "host", "path", "shown"),
    [
        ("rtsp://ann:p%40ss@cam.local:554/x?a=1", "cam.local", "/x?a=1", "cam.local"),
        ("HTTP://ann@[::1]:80", "::1", "/", "::1"),
        ("rtsp://ann:secret@10.0.0.1:554/cam@1", "10.0.0.1", "/cam@1", "10.0.0.1"),
        ("http://tok/en@host/x", "tok", "/en@host/x", "***"),
        ("rtsp://host/x#backchannel=0", "host", "/x", "host"),
        ("http://ann:secret@host?action=stream", "host", "/?action=stream", "host"),
        ("rtsp://ann:secret@host#backchannel=0", "host", "/", "host"),
    ],
)
def test_whole_addresses_are_read(url: str, host: str, path: str, shown: str) -> None:
    """Also such that others could mean; what may be a part of a password is not shown as the host."""
    address = parse(url)
    assert (address.host, address.path, address.shown) == (host, path, shown)


@given(passwords, st.sampled_from(places))
def test_encoded_password_is_always_right(password: str, place: str) -> None:
    url = f"rtsp://ann:{quote(password, safe='')}@{place}"
    if place == "h/a@b":
        with pytest.raises(ValueError, match="in a path, too, @ as %40"):
            parse(url)
    else:
        assert parse(url).host in place


@given(passwords, st.sampled_from(places), st.sampled_from(["rtsp", "http", "ftp", "rtsp:"]))
def test_no_message_has_a_password(password: str, place: str, scheme: str) -> None:
    """Whatever is typed for an address, as a camera or as a file."""
    url, said = f"{scheme}://ann:{password}@{place}", []
    for use in (choose, open_files, lambda text: NetworkCamera(text, SourceOptions(timeout=0.1)), parse):
        try:
            said.append(str(use(url)) if use is not choose and use is not parse else mask(choose(url).why))
        except (FerEdgeError, ValueError) as error:
            said.append(str(error))
    for message in said:
        assert not [piece for piece in parts(password) if piece in message], message


def test_addresses_in_a_text() -> None:
    text = "no answer from rtsp://ann:se#cr@t@host/x; write @ as %40, see http://host/y?a=b"
    assert mask_in_text(text) == "no answer from rtsp://***@host; write @ as %40, see http://host/y?***"
    text = "'rtsp://host:554/s3cret' and rtsps://host/live/s3cret.sdp. Or http://host/user=ann_password=s3cret_stream=1"
    assert mask_in_text(text) == "'rtsp://host:554' and rtsps://host. Or http://host/user=***"
    text = "open http://host:8080/login (see https://example.org/docs/cameras.html#urls), then rtsp://host."
    assert mask_in_text(text) == text
