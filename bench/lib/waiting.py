"""Scenario m: how much memory the server holds when idle, and with many events waiting for their endpoints."""

import http.server
import json
import pathlib
import threading

import demo_account

# Below the backlog cap of one subscription (100 000), so that nothing is dropped while it waits.
EVENTS_FOR_EACH = 50_000
REQUEST = 1_000
BODY = {"changes": [{"type": "SMS", "newCount": 1, "updatedCount": 0}], "padding": "x" * 900}


class Later(http.server.BaseHTTPRequestHandler):
    """Echoes the Validation-Token; asks to be left alone for an hour otherwise."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        token = self.headers.get("validation-token")
        self.send_response(200 if token else 503)
        self.send_header(*(("Validation-Token", token) if token else ("Retry-After", "3600")))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def measured(server, events):
    idle = resident(server)
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Later)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    token = demo_account.login(server.env)
    publish(server, token, f"http://127.0.0.1:{receiver.server_port}/later", events)
    held, peak = resident(server), fact(server, "VmHWM")
    receiver.shutdown()
    size = sum(file.stat().st_size for file in (server.folder / "data").rglob("*") if file.is_file())
    return (
        "| memory | MiB |\n| --- | --- |\n"
        f"| idle, resident | {idle:.0f} |\n| {events} events of 1 KiB waiting, resident | {held:.0f} |\n"
        f"| the same, peak | {peak:.0f} |\n| the same, on disk | {size / 2**20:.0f} |\n"
    )


def publish(server, token, address, events):
    path = f"/restapi/v1.0/account/{server.env['RC_ACCOUNT_ID']}/extension"
    people = demo_account.call(server.env, token, "GET", f"{path}?perPage=100")["records"]
    needed = -(-events // EVENTS_FOR_EACH)
    for person in people[:needed]:
        event = f"{path}/{person['id']}/message-store"
        mode = {"transportType": "WebHook", "address": f"{address}/{person['id']}"}
        subscription = {"eventFilters": [event], "deliveryMode": mode}
        demo_account.call(server.env, token, "POST", "/restapi/v1.0/subscription", subscription)
        line = json.dumps({"event": event, "body": BODY}).encode() + b"\n"
        count = min(events, EVENTS_FOR_EACH)
        events -= count
        for start in range(0, count, REQUEST):
            body = line * min(REQUEST, count - start)
            publisher = server.env["HOOKSWITCH_PUBLISH_TOKEN"]
            demo_account.call(server.env, publisher, "POST", "/hookswitch/v1/events", body, "application/x-ndjson")


def resident(server):
    return fact(server, "VmRSS")


def fact(server, name):
    """A size from the process's status, in MiB."""
    text = pathlib.Path(f"/proc/{server.pid()}/status").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith(name + ":"))
    return int(line.split()[1]) / 1024
