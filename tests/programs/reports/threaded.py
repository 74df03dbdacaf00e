"""A server of one process with a thread for each connection, which never says goodbye. Ends on SIGTERM.

threaded.py CERT KEY PORT: run by tests/programs/reports.rs.
"""

import socket
import ssl
import sys
import threading

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
listener = socket.create_server(("127.0.0.1", int(sys.argv[3])), backlog=100)


def answer(connection):
    try:
        tls = context.wrap_socket(connection, server_side=True)
        tls.recv(1000)
        tls.sendall(b"HTTP/1.0 200 OK\r\n\r\nanswer")
        tls.recv(1000)
        tls.close()
    except OSError:
        pass  # the client is gone


while True:
    accepted, _ = listener.accept()
    threading.Thread(target=answer, args=(accepted,), daemon=True).start()
