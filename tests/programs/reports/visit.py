"""Connects COUNT times to a TLS server on 127.0.0.1, offering the newest session: prints N (new) or R (resumed) for each.

visit.py PORT COUNT id|ticket|1.3 clean|unclean PROTOCOL: run by tests/programs/reports.rs, with stock libssl.

  id       TLS 1.2 without tickets        clean    says goodbye (close_notify)
  ticket   TLS 1.2 with tickets           unclean  closes its socket, as a client does that is killed or loses its link
  1.3      TLS 1.3
"""

import socket
import ssl
import sys

PATIENCE = 20  # seconds

# What is said to the server, None for nothing, and how its answer ends.
PROTOCOLS = {
    "http": (b"GET / HTTP/1.0\r\n\r\n", b"answer"),
    "mqtt": (bytes.fromhex("101000044d5154540402003c000461626364"), bytes.fromhex("20020000")),
    "redis": (b"PING\r\n", b"+PONG\r\n"),
    "imap": (None, b"\r\n"),
}


def context(client):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    version = ssl.TLSVersion.TLSv1_3 if client == "1.3" else ssl.TLSVersion.TLSv1_2
    made.minimum_version = made.maximum_version = version
    if client == "id":
        made.options |= ssl.OP_NO_TICKET
    return made


def main():
    port, count, client, end, protocol = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
    tls_context, session = context(client), None
    said, expected = PROTOCOLS[protocol]
    letters = ""
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        tls = tls_context.wrap_socket(connection, session=session)
        if said:
            tls.sendall(said)
        answer = b""
        while expected not in answer:
            part = tls.recv(4096)
            assert part, f"the server ended after {answer!r}"
            answer += part
        letters += "R" if tls.session_reused else "N"
        session = tls.session
        if end == "clean":
            try:
                tls.unwrap()
            except (ssl.SSLError, OSError):
                pass  # the server is gone already
        tls.close()
    print(letters)


main()
