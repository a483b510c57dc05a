"""How long a person waits for the language server: a recorded session of typing in a program of 1,000 stages.

    python3 tests/bench/editor.py

It starts `align lsp` (ALIGN_BIN names the binary), opens the program, types and takes back a word 100 times at places all over the file, and asks
after each key.  Limits: 100 ms from opening to the first diagnostics, and a median of 20 ms of the server's time for the diagnostics after a key.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from bench import ALIGN, line, stages


class Server:
    """One end of the conversation."""

    def __init__(self, folder, capabilities):
        self.process = subprocess.Popen([ALIGN, "lsp"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.next = 0
        self.ask("initialize", {"capabilities": capabilities, "rootUri": folder.as_uri(), "processId": None})
        self.tell("initialized", {})

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self):
        size = 0
        while (header := self.process.stdout.readline().strip()):
            if header.lower().startswith(b"content-length:"):
                size = int(header.split(b":")[1])
        return json.loads(self.process.stdout.read(size))

    def tell(self, method, params):
        self.send({"method": method, "params": params})

    def ask(self, method, params):
        """The answer, and how long it took."""
        self.next += 1
        start = time.perf_counter()
        self.send({"id": self.next, "method": method, "params": params})
        while (message := self.receive()).get("id") != self.next or "method" in message:
            pass
        if "error" in message:
            sys.exit(f"{method}: {message['error']['message']}")
        return message["result"], time.perf_counter() - start

    def hear(self, method):
        while (message := self.receive()).get("method") != method:
            pass
        return message["params"]

    def quit(self):
        self.ask("shutdown", None)
        self.tell("exit", None)
        if self.process.wait(10) != 0:
            sys.exit("the server did not end properly")


def opened(server, uri, text):
    server.tell("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "align", "version": 1, "text": text}})


def first(folder, uri, text):
    """From opening to the first diagnostics, pushed."""
    server = Server(folder, {})
    start = time.perf_counter()
    opened(server, uri, text)
    server.hear("textDocument/publishDiagnostics")
    took = time.perf_counter() - start
    server.quit()
    return took


def typing(folder, uri, text):
    """Seconds for each of the requests after each key."""
    server = Server(folder, {"textDocument": {"diagnostic": {}}})
    opened(server, uri, text)
    file, small = {"textDocument": {"uri": uri}}, {"textDocument": {"uri": uri + ".small"}}
    opened(server, uri + ".small", "align 1\n")
    server.ask("textDocument/diagnostic", file)
    lines = text.split("\n")
    places = [n for n, row in enumerate(lines) if " loss " in row]
    spent = {"diagnostics after a key": [], "completion": [], "hover": [], "tokens of a screen": [], "outline": []}
    version = 1
    for count in range(100):
        at = places[(count * 37) % len(places)]
        # A letter into the name of the loss, and out again.
        column = lines[at].index("=") + 3
        here, after = {"line": at, "character": column}, {"line": at, "character": column + 1}
        for change in ({"range": {"start": here, "end": here}, "text": "x"}, {"range": {"start": here, "end": after}, "text": ""}):
            version += 1
            server.tell("textDocument/didChange", {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]})
            spent["diagnostics after a key"].append(server.ask("textDocument/diagnostic", file)[1])
        spent["completion"].append(server.ask("textDocument/completion", {**file, "position": here})[1])
        spent["hover"].append(server.ask("textDocument/hover", {**file, "position": here})[1])
        screen = {"start": {"line": max(at - 25, 0), "character": 0}, "end": {"line": at + 25, "character": 0}}
        spent["tokens of a screen"].append(server.ask("textDocument/semanticTokens/range", {**file, "range": screen})[1])
        spent["outline"].append(server.ask("textDocument/documentSymbol", file)[1])
    # What a message costs that asks for nothing, with its way there and back.
    spent["a message that asks for nothing"] = [server.ask("textDocument/foldingRange", small)[1] for _ in range(100)]
    server.quit()
    return spent


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        program = folder / "large.align"
        text = stages(1000)
        program.write_text(text)
        uri = program.as_uri()
        opening = [first(folder, uri, text) for _ in range(5)]
        line("first diagnostics after opening 1,000 stages", (1e3 * statistics.median(opening), "ms"), 100)
        for what, seconds in typing(folder, uri, text).items():
            limit = 20 if what == "diagnostics after a key" else None
            worst = f"worst {1e3 * max(seconds):.0f} ms of {len(seconds)}"
            line(f"{what}, median", (1e3 * statistics.median(seconds), "ms"), limit, worst)


if __name__ == "__main__":
    main()
