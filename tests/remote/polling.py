"""A server of one thread on poll(), with Python's ssl: answers each request and closes.

polling.py PEM PORT: run by tests/remote/servers.rs.
"""

import select
import socket
import ssl
import sys


class Connection:
    """A connection between its accept and its close."""

    def __init__(self, context, plain):
        plain.setblocking(False)
        self.tls = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self.is_ready = False

    def step(self):
        """Goes on as far as it can. Returns False at the end."""
        try:
            if not self.is_ready:
                self.tls.do_handshake()
                self.is_ready = True
            request = self.tls.recv(1000)
            if request:
                self.tls.sendall(b"HTTP/1.0 200 OK\r\n\r\nanswer")
        except ssl.SSLWantReadError:
            return True
        except OSError:
            pass
        self.tls.close()
        return False


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=500)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    connections = {}
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                plain, _ = listener.accept()
                connection = Connection(context, plain)
                number = connection.tls.fileno()
                connections[number] = connection
                poll.register(number, select.POLLIN)
            if not connections[number].step():
                poll.unregister(number)
                del connections[number]


main()
