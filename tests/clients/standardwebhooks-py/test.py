"""PyPI standardwebhooks: the receiving side of our signatures, in Python."""

import base64
import http.server
import json
import os
import queue
import threading
import urllib.parse
import urllib.request
import uuid

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

BASE = os.environ["HOOKSWITCH_URL"].rstrip("/")
PRESENCE = f"/restapi/v1.0/account/{os.environ['RC_ACCOUNT_ID']}/extension/{os.environ['RC_EXTENSION_ID']}/presence"
WAIT_S = 20
deliveries = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        token = self.headers.get("validation-token")
        self.send_response(200)
        if token:
            self.send_header("Validation-Token", token)
        self.end_headers()
        if not token:
            deliveries.put((raw, dict(self.headers)))

    def log_message(self, *_):
        pass


def call(method, path, data, headers):
    request = urllib.request.Request(BASE + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def bearer(token):
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


def login():
    pair = f"{os.environ['RC_APP_CLIENT_ID']}:{os.environ['RC_APP_CLIENT_SECRET']}"
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    form = urllib.parse.urlencode({"grant_type": grant, "assertion": os.environ["RC_USER_JWT"]})
    headers = {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    return call("POST", "/restapi/oauth/token", form.encode(), headers)["access_token"]


def refuses(raw, headers, secret=os.environ["HOOKSWITCH_SIGNING_SECRET"]):
    try:
        Webhook(secret).verify(raw, headers)
    except WebhookVerificationError:
        return True
    return False


def main():
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    token = login()
    mode = {"transportType": "WebHook", "address": f"http://127.0.0.1:{receiver.server_port}/hook"}
    wanted = {"eventFilters": ["/restapi/v1.0/account/~/extension/~/presence"], "deliveryMode": mode}
    subscription = call("POST", "/restapi/v1.0/subscription", json.dumps(wanted).encode(), bearer(token))

    body = {"n": uuid.uuid4().hex, "text": 'é漢😀 "\\'}
    event = json.dumps({"event": PRESENCE, "body": body}).encode()
    call("POST", "/hookswitch/v1/events", event, bearer(os.environ["HOOKSWITCH_PUBLISH_TOKEN"]))
    raw, headers = deliveries.get(timeout=WAIT_S)
    envelope = Webhook(os.environ["HOOKSWITCH_SIGNING_SECRET"]).verify(raw, headers)
    assert envelope["body"] == body, envelope
    assert envelope["subscriptionId"] == subscription["id"], envelope
    print("ok a delivery verifies")

    headers = {name.lower(): value for name, value in headers.items()}
    assert refuses(raw.replace(body["n"].encode(), b"x"), headers), "a changed body"
    assert refuses(raw, {**headers, "webhook-id": "another"}), "another id"
    assert refuses(raw, headers, "whsec_" + base64.b64encode(b"another secret").decode()), "another secret"
    print("ok nothing that was changed verifies")
    call("DELETE", f"/restapi/v1.0/subscription/{subscription['id']}", None, bearer(token))


if __name__ == "__main__":
    main()
