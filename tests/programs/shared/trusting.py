"""A server for each of the authorities named, in one process, all with one certificate: prints their ports, in order.

trusting.py CERT KEY AUTHORITY...: run by tests/programs/shared/trust.rs. Each has an SSLContext of its own that demands a
certificate of that authority. It answers with the name in the client's certificate, and ends on SIGTERM.
"""

import os
import selectors
import signal
import socket
import ssl
import sys


def make_context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority)
    return context


def answer(context, connection):
    connection.settimeout(30)
    tls = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
    try:
        tls.do_handshake()
        tls.recv(1000)
        subject = dict(pair for names in tls.getpeercert()["subject"] for pair in names)
        tls.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + subject["commonName"].encode())
        tls.unwrap()
    except ssl.SSLError:
        # What the client has sent is read, lest it is reset before it has read the alert.
        socket.socket.shutdown(tls, socket.SHUT_WR)
        while os.read(tls.fileno(), 1000):
            pass
    tls.close()


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
selector = selectors.DefaultSelector()
ports = []
for authority in sys.argv[3:]:
    listener = socket.create_server(("127.0.0.1", 0))
    ports.append(str(listener.getsockname()[1]))
    selector.register(listener, selectors.EVENT_READ, make_context(authority))
print("ports", *ports, flush=True)
while True:
    for key, _ in selector.select():
        answer(key.data, key.fileobj.accept()[0])
