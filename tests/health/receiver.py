"""Real HTTPS servers on loopback that get alerts, good and bad ones."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextlib.contextmanager
def receiver(context, *, status=200, hangs=False, location=""):
    """A server for TLS; what it got as (path, headers, body)."""
    got, end = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, dict(self.headers), body))
            if server.hangs:
                end.wait(60)
                return
            self.send_response(server.status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.status, server.hangs, server.got = status, hangs, got
    server.url = f"https://localhost:{server.server_port}/topic"
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        end.set()
        server.shutdown()
        server.server_close()
