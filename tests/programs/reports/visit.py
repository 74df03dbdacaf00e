"""Connects to a TLS server on 127.0.0.1, offering the newest session: prints N (new) or R (resumed) for each connection.

visit.py PORT COUNT CLIENT,CLIENT... PROTOCOL [CERT KEY]: run by tests/programs/reports.rs, with stock libssl. Each client
connects COUNT times, and prints a line. For each line on stdin, a port, all do so again there, with the sessions that they
have. A client is two words:

  id       TLS 1.2 without tickets        clean    says goodbye (close_notify)
  ticket   TLS 1.2 with tickets           unclean  closes its socket, as a client does that is killed or loses its link
  1.3      TLS 1.3
"""

import errno
import socket
import ssl
import sys

PATIENCE = 20  # seconds

QUESTION = bytes.fromhex("0019abcd01000001000000000000076578616d706c650000010001")  # the address of "example"
MYSQL_TLS = bytes.fromhex("20000001 008a0800 00000001 21") + bytes(23)  # a client that goes on in TLS
MYSQL_LOGIN = bytes.fromhex("3c000002 008a0800 00000001 21") + bytes(23) + b"root\0\0mysql_native_password\0"
POSTGRES_TLS = bytes.fromhex("00000008 04d2162f")


def postgres_login(database):
    words = b"\0".join([b"user", b"postgres", b"database", database, b"", b""])
    return (len(words) + 8).to_bytes(4, "big") + bytes.fromhex("00030000") + words


class Protocol:
    """What is said in TLS, None for nothing, and how the answer ends; what is said and awaited before TLS."""

    def __init__(self, said, expected, alpn=None, before=()):
        self.said, self.expected, self.alpn, self.before = said, expected, alpn, before


PROTOCOLS = {
    "http": Protocol(b"GET / HTTP/1.0\r\n\r\n", b"answer"),
    "http2": Protocol(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000"),
        bytes.fromhex("000000040100000000"),
        alpn="h2",
    ),
    "mqtt": Protocol(bytes.fromhex("101000044d5154540402003c000461626364"), bytes.fromhex("20020000")),
    "redis": Protocol(b"PING\r\n", b"+PONG\r\n"),
    "memcached": Protocol(b"version\r\n", b"VERSION"),
    "imap": Protocol(None, b"\r\n"),
    "echo": Protocol(b"answer\n", b"answer\n"),
    "dns": Protocol(QUESTION, QUESTION[2:4]),
    "mysql": Protocol(MYSQL_LOGIN, bytes.fromhex("000003"), before=[(b"mysql_native_password\0", MYSQL_TLS)]),
    "postgres": Protocol(postgres_login(b"postgres"), b"Z\0\0\0\5I", before=[(None, POSTGRES_TLS), (b"S", None)]),
    "pgbouncer": Protocol(postgres_login(b"pgbouncer"), b"Z\0\0\0\5I", before=[(None, POSTGRES_TLS), (b"S", None)]),
}


def context(client, protocol, certificate):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    version = ssl.TLSVersion.TLSv1_3 if client == "1.3" else ssl.TLSVersion.TLSv1_2
    made.minimum_version = made.maximum_version = version
    if client == "id":
        made.options |= ssl.OP_NO_TICKET
    if protocol.alpn:
        made.set_alpn_protocols([protocol.alpn])
    if certificate:
        made.load_cert_chain(*certificate)
    return made


def read(connection, expected):
    answer = b""
    while expected not in answer:
        part = connection.recv(4096)
        assert part, f"the server ended after {answer!r}"
        answer += part


def say_goodbye(tls):
    """Sends a close_notify and the end of the stream, and waits for the server's: some only close then."""
    tls.setblocking(False)
    try:
        tls.unwrap()
    except (ssl.SSLError, OSError):
        pass  # nothing more to read, or the server is gone already
    with socket.socket(fileno=tls.detach()) as connection:
        connection.settimeout(PATIENCE)
        try:
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
        except OSError as error:
            assert error.errno in (errno.ENOTCONN, errno.ECONNRESET, errno.EPIPE), error


class Client:
    def __init__(self, words, protocol, certificate):
        offered, self.end = words.split()
        self.protocol, self.session = protocol, None
        self.context = context(offered, protocol, certificate)

    def visit(self, port, count):
        return "".join(self.connect(port) for _ in range(count))

    def connect(self, port):
        connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        for expected, said in self.protocol.before:
            if expected:
                read(connection, expected)
            if said:
                connection.sendall(said)
        tls = self.context.wrap_socket(connection, session=self.session)
        if self.protocol.said:
            tls.sendall(self.protocol.said)
        read(tls, self.protocol.expected)
        letter = "R" if tls.session_reused else "N"
        self.session = tls.session
        if self.end == "clean":
            say_goodbye(tls)
        tls.close()
        return letter


def main():
    port, count, clients, protocol, *certificate = sys.argv[1:]
    clients = [Client(words, PROTOCOLS[protocol], certificate) for words in clients.split(",")]
    while port:
        for client in clients:
            print(client.visit(int(port), int(count)), flush=True)
        port = sys.stdin.readline()


main()
