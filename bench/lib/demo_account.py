"""What a `--dev` server says about its demo account, and calls made with it."""

import base64
import json
import pathlib
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def settings(path):
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def wait_ready(url):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)
    sys.exit(f"{url} does not become ready")


def login(env):
    """An access token of the demo user."""
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": env["RC_USER_JWT"]}
    pair = f"{env['RC_APP_CLIENT_ID']}:{env['RC_APP_CLIENT_SECRET']}".encode()
    headers = {"authorization": "Basic " + base64.b64encode(pair).decode()}
    url = env["HOOKSWITCH_URL"].rstrip("/") + "/restapi/oauth/token"
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["access_token"]


def call(env, token, method, path, body=None, content_type="application/json"):
    """One call; `body` is bytes or something for JSON. An answer that is no success is an exception."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {token}", "content-type": content_type}
    url = env["HOOKSWITCH_URL"].rstrip("/") + path
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None
