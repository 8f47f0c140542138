# A server of ClickHouse's interface of HTTP, as far as it is used here: what is sent runs in chDB.
# Some answers fail before, and some are lost behind an insert. One token with two contents is a
# failure, and so is whatever chDB refuses.
import hashlib, random, re, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb import session

chdb = session.Session(sys.argv[1])
chdb.query("CREATE DATABASE IF NOT EXISTS db")
faults = random.Random(7)
lock, contents, failures = threading.Lock(), {}, []
settings = {"insert_deduplicate", "insert_deduplication_token", "async_insert",
            "input_format_parallel_parsing", "input_format_null_as_default"}


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/failures":
            return self.say(200, "\n".join(failures))
        with lock:
            self.say(200, str(chdb.query(self.query()["query"], "TabSeparated")))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0)).decode()
        query = self.query()
        statement = query.pop("query")
        with lock:
            fault = faults.random()
            token = query.get("insert_deduplication_token")
            if token and fault < 0.05:
                return self.say(500, "not just now")
            try:
                if token:
                    self.insert(statement, query, token, body)
                else:
                    chdb.query(statement)
            except Exception as error:
                failures.append(str(error))
                code = re.match(r"Code: (\d+)", str(error))
                return self.say(400, str(error), code and code[1])
            if token and fault < 0.12:
                self.close_connection = True
                return None
        self.say(200, "")

    def insert(self, statement, query, token, body):
        # This one is of the interface, and no setting.
        if query.pop("wait_end_of_query") != "1":
            raise ValueError("the answer would not wait for the insert")
        unknown = set(query) - settings
        if unknown:
            raise ValueError(f"not known here: {unknown}")
        digest = hashlib.sha256(body.encode()).digest()
        if contents.setdefault(token, digest) != digest:
            raise ValueError(f"{token} came with two contents")
        given = ", ".join(f"{name} = '{value}'" for name, value in query.items())
        head, form = statement.split(" FORMAT ")
        chdb.query(f"{head} SETTINGS {given} FORMAT {form}\n{body}")

    def query(self):
        return dict(parse_qsl(urlsplit(self.path).query))

    def say(self, status, text, code=None):
        self.send_response(status)
        if code:
            self.send_header("x-clickhouse-exception-code", code)
        text = text.encode()
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # The program was killed.


server = Server(("127.0.0.1", 0), Answer)
print(server.server_address[1], flush=True)
server.serve_forever()
