"""server.py WORDS [URL]: answers with these words and, behind them, what the URL says."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            behind = b"".join(urlopen(url, timeout=2).read() for url in sys.argv[2:])
        except OSError as error:
            self.send_error(502, str(error))
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[1].encode() + behind)


ThreadingHTTPServer(("", 80), Handler).serve_forever()
