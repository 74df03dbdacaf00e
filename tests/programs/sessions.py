"""TLS server and client in one script, by Python's ssl: prints what is resumed and both contexts' session_stats().

sessions.py CERT KEY: run by tests/programs/scripts.rs with stock libssl and with the library preloaded.
"""

import socket
import ssl
import sys
import threading

CONNECTIONS = 6
PATIENCE = 30  # seconds


def server_context(version, tickets):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    context.minimum_version = context.maximum_version = version
    if not tickets:
        context.options |= ssl.OP_NO_TICKET
    return context


def client_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def serve(listener, context, bye):
    for _ in range(CONNECTIONS):
        connection, _ = listener.accept()
        connection.settimeout(PATIENCE)
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.sendall(tls.recv(100))
            if bye:
                tls.unwrap()


def connect(port, context, session):
    """One connection: the letter and the session to offer next."""
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    with context.wrap_socket(connection, session=session) as tls:
        tls.sendall(b"hello")
        assert tls.recv(100) == b"hello"
        letter = "R" if tls.session_reused else "N"
        session = tls.session
        try:
            # The server's end comes after it has stored its session.
            assert tls.recv(100) == b""
            tls.unwrap()
        except (ssl.SSLError, OSError):
            pass  # it said no goodbye
        return letter, session


def tell(name, version, tickets=False, bye=True):
    server, client = server_context(version, tickets), client_context()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        serving = threading.Thread(target=serve, args=(listener, server, bye))
        serving.start()
        letters, session = "", None
        for _ in range(CONNECTIONS):
            letter, session = connect(listener.getsockname()[1], client, session)
            letters += letter
        serving.join()
    print(name, letters)
    print(" server", server.session_stats())
    print(" client", client.session_stats())


tell("TLS 1.2 ids", ssl.TLSVersion.TLSv1_2)
tell("TLS 1.2 tickets", ssl.TLSVersion.TLSv1_2, tickets=True)
tell("TLS 1.3 stateful", ssl.TLSVersion.TLSv1_3)
tell("TLS 1.3 tickets", ssl.TLSVersion.TLSv1_3, tickets=True)
tell("TLS 1.2 ids, closed without a goodbye", ssl.TLSVersion.TLSv1_2, bye=False)
