"""Four forked workers on one port, each with an SSLContext that it makes itself: prints the port.

workers.py CERT KEY unwrap|close: run by tests/programs/shared/python.rs. It ends on SIGTERM, and its workers with it.
"""

import os
import select
import signal
import socket
import ssl
import sys

WORKERS = 4
PATIENCE = 30  # seconds


def make_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    return context


def answer(context, connection):
    connection.settimeout(PATIENCE)
    tls = context.wrap_socket(connection, server_side=True)
    tls.recv(1000)
    tls.sendall(b"HTTP/1.0 200 OK\r\n\r\nanswer")
    if sys.argv[3] == "unwrap":
        try:
            tls.unwrap()
        except (ssl.SSLError, OSError):
            pass  # the client is gone already
    # Without it no close_notify is sent: to OpenSSL that is a session gone bad.
    tls.close()


def wait(end, parent):
    """Waits until `end` can be read; False if nobody has the parent's end of its pipe any more."""
    readable, _, _ = select.select([end, parent], [], [])
    return parent not in readable


def work(listener, parent, own_turn, next_turn):
    """Serves when it is its turn, so that nobody serves twice in a row, until the parent ends."""
    context = make_context()
    while wait(own_turn, parent) and wait(listener, parent):
        token = os.read(own_turn, 1)
        connection, _ = listener.accept()
        os.write(next_turn, token)
        answer(context, connection)


def main():
    parent, own_end = os.pipe()
    turns = [os.pipe() for _ in range(WORKERS)]
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    workers = []
    for number in range(WORKERS):
        worker = os.fork()
        if worker == 0:
            os.close(own_end)
            work(listener, parent, turns[number][0], turns[(number + 1) % WORKERS][1])
            sys.exit()
        workers.append(worker)
    os.write(turns[0][1], b".")
    print("port", listener.getsockname()[1], flush=True)
    signal.sigwait([signal.SIGTERM])
    os.close(own_end)
    ends = [os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers]
    assert ends == [0] * WORKERS, ends


main()
