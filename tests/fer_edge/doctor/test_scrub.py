"""Secrets of many shapes, planted in what an older version wrote to the journal: none is left."""

from __future__ import annotations

import pytest
from fer_edge.doctor.scrub import scrub
from hypothesis import given
from hypothesis import strategies as st

WORD = "hunter2"
ERROR = "2026-01-01T12:00:02+0000 fer-edge[9]: fer-edge: error: "
LINES = [
    f"settings /etc/fer-edge/fer-edge.toml: mqtt.password = '{WORD} {WORD}': unknown key; allowed are host, port",
    f"settings f: webhok = {{'url': 'https://h.org/T/{WORD}', 'headers': {{'A': 'Bearer {WORD}: x'}}}}: unknown",
    f"--set 'webhook.url=https://h.org/{WORD}': write it as part.key=value",
    f"stream rtsp://me:{WORD}@camera/1: gave no picture for 4 s",
    f"stream rtsp://me:a/b {WORD} #@{WORD}@camera/1: gave no picture",
    f"stream rtsp://10.0.0.5/user=admin_password={WORD}_channel=1.sdp: gave no picture",
    f"stream http://10.0.0.5:80/video.cgi?psw={WORD}&p={WORD}: gave no picture",
    f"stream http://10.0.0.5/key/{WORD}/stream: gave no picture",
    f"source 'rtsp:admin:{WORD}@10.0.0.1/{WORD}': no such file or folder",
    f"Authorization: Basic {WORD}",
    f"x-api-key: {WORD}",
    f"unrecognized arguments: --token {WORD} --mqtt-password={WORD}",
    f"kiosk.token_file = '/etc/{WORD}': No such file; write one with: openssl rand -hex 16 > /etc/{WORD}",
    f'mqtt: {{"password": "{WORD}", "user": "{WORD}"}}',
]
KEYS = [
    "deadbeefcafebabedeadbeefcafebabe",
    "9f86d081884c7d659a2feaa0c55ad015",
    "eyJhbGciOi.eyJzdWIiOiIx.sflKxwRJSMeKKF2",
    "T4kXz9Qw7Lm2Vb6Nc1Rs5Yd8",
    "aGVsbG8gd29ybGQgdGhpcyBpcyBh/IGtleSB0aGF0IGlz+A==",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "k3j9x0q2m5n8v1b7c4z6l9p0",
]


@pytest.mark.parametrize("line", LINES)
def test_secret_in_a_message_is_removed(line: str) -> None:
    assert WORD not in scrub(ERROR + line)
    assert scrub(ERROR + line).startswith(ERROR)


@pytest.mark.parametrize("key", KEYS)
def test_key_is_known_by_its_shape(key: str) -> None:
    assert scrub(f"{ERROR}refused {key} twice") == f"{ERROR}refused ... twice"


@pytest.mark.parametrize(
    "line",
    [
        "systemd[1]: fer-edge.service: Main process exited, code=exited, status=2/INVALIDARGUMENT",
        "fer-edge[9]: model: mini_xception_fer2013-int8",
        "fer-edge[9]: source: picamera, because a Raspberry Pi camera answered (imx708)",
        "fer-edge: error: source.fps = 500: must be from 0 to 240",
        "fer-edge: error: /var/lib/fer-edge/fer-edge.jsonl: No space left on device; make room",
        "fer-edge: error: mqtt: broker broker.local:1883: refuses the login; check the name in mqtt.credentials_file",
        "fer-edge: error: stream rtsp://10.0.0.5: gave no picture for 4 s; check the camera and the network to it",
        "fer-edge: error: kiosk.token_file: No such file or directory; write one with: openssl rand -hex 16 > FILE",
    ],
)
def test_what_helps_stays(line: str) -> None:
    assert scrub(line) == line


@given(st.from_regex(r"[Q-Z0-9]{6,12}", fullmatch=True), st.sampled_from(LINES))
def test_any_word_is_removed(word: str, line: str) -> None:
    assert word not in scrub(ERROR + line.replace(WORD, word))


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    """Twice gives the same as once, and lines stay lines."""
    assert scrub(text).count("\n") == text.count("\n")
