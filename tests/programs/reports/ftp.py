"""A client of FTP over TLS on 127.0.0.1: run by tests/programs/reports/ftp.rs, with stock libssl.

ftp.py PORT id|ticket|1.3 data     five transfers whose data connections offer the control connection's session: R resumed,
                                   N not, E refused, a letter for each
ftp.py PORT id|ticket|1.3 none     the same, and the data connections offer no session
ftp.py PORT id|ticket|1.3 foreign  another client, connected to the same server, takes the data port of this one and
                                   offers the session of its own control connection: "taken" or "refused"
"""

import ftplib
import socket
import ssl
import sys

PATIENCE = 20  # seconds


def context(client):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    version = ssl.TLSVersion.TLSv1_3 if client == "1.3" else ssl.TLSVersion.TLSv1_2
    made.minimum_version = made.maximum_version = version
    if client == "id":
        made.options |= ssl.OP_NO_TICKET
    return made


class Client(ftplib.FTP_TLS):
    """Offers the control connection's session at each data connection, unless it is to offer none."""

    letters = ""
    offers = True

    def ntransfercmd(self, cmd, rest=None):
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        connection = self.context.wrap_socket(connection, session=self.sock.session if self.offers else None)
        self.letters += "R" if connection.session_reused else "N"
        return connection, size


def connected(port, client):
    ftp = Client(context=context(client), timeout=PATIENCE)
    ftp.connect("127.0.0.1", port)
    ftp.login("anonymous", "a@b")
    ftp.prot_p()
    return ftp


def transfers(port, client, offers=True):
    ftp = connected(port, client)
    ftp.offers = offers
    for _ in range(5):
        try:
            ftp.retrlines("NLST", lambda line: None)
        except (ftplib.Error, ssl.SSLError, OSError, EOFError):
            ftp.letters += "E"
    print(ftp.letters)


def transfers_without(port, client):
    transfers(port, client, offers=False)


def foreign(port, client):
    stranger, ftp = connected(port, client), connected(port, client)
    # What a client reads in TLS 1.3 brings its tickets.
    stranger.pwd()
    _, data_port = ftp.makepasv()
    ftp.putcmd("RETR file")
    got = b""
    try:
        connection = socket.create_connection(("127.0.0.1", data_port), timeout=PATIENCE)
        connection = stranger.context.wrap_socket(connection, session=stranger.sock.session)
        while part := connection.recv(1000):
            got += part
    except (ssl.SSLError, OSError):
        pass
    print("taken" if b"answer" in got else "refused")


PORT, CLIENT, WHAT = int(sys.argv[1]), sys.argv[2], sys.argv[3]
{"data": transfers, "none": transfers_without, "foreign": foreign}[WHAT](PORT, CLIENT)
