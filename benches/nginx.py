"""nginx on a port of its own, with or without the library."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

CONFIGURATION = """
worker_processes {workers};
error_log stderr notice;
pid nginx.pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        ssl_protocols TLSv1.2;
        ssl_session_tickets off;
        ssl_session_timeout 1d;
        ssl_session_cache {cache};
        location / {{ return 200 'answer'; }}
    }}
}}
"""


class Nginx:
    """A running nginx. In a `with`, at whose end it is stopped."""

    def __init__(self, directory, workers, cache, library=None):
        self.directory = directory
        self.workers = workers
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=511)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        make_certificate(directory)
        text = CONFIGURATION.format(workers=workers, cache=cache, port=self.port)
        (directory / "nginx.conf").write_text(text)
        self.environment = environment(library)
        # nginx takes over a socket that listens, as from its predecessor: clients need not wait until it does.
        self.environment["NGINX"] = f"{self.listener.fileno()};"
        self.process = None

    def __enter__(self):
        command = ["nginx", "-e", "stderr", "-p", f"{self.directory}/", "-c", "nginx.conf", "-g", "daemon off;"]
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stderr=log, pass_fds=[self.listener.fileno()]
            )
        # Should it end, clients are to be refused, and not to wait.
        self.listener.close()
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
        log = (self.directory / "log").read_text(errors="replace")
        for trouble in ("exited on signal", "panicked", "[emerg]", "[alert]", "sslsession:"):
            if trouble in log:
                raise RuntimeError(f"nginx: {trouble}: see {self.directory}/log")

    def processor_time(self):
        """Nanoseconds that its workers have had of the processors so far."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if len(children) != self.workers:
            raise RuntimeError(f"nginx has {len(children)} workers: see {self.directory}/log")
        return sum(processor_time(child) for child in children)


def environment(library):
    """The library reads its settings as it is loaded: nginx empties its environment later."""
    chosen = {name: value for name, value in os.environ.items() if not name.startswith("SSLSESSION_")}
    chosen.pop("LD_PRELOAD", None)
    if library is not None:
        chosen |= {"LD_PRELOAD": str(library), "SSLSESSION_STORE": "shared"}
    return chosen


def make_certificate(directory):
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=localhost", "-days", "2", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=directory, check=True, stderr=subprocess.DEVNULL)


def processor_time(pid):
    """Of a process with one thread. What ps shows, utime + stime, is the same in hundredths of a second."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    except FileNotFoundError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
