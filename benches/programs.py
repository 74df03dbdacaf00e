"""The servers of Debian that clients come back to: nginx, httpd and HAProxy."""

import signal

from server import Server

WORKERS = 4

NGINX = """
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
        listen {address}:{port} ssl{listen};
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_timeout 1d;
        {directives}
        location / {{ return 200 'answer'; }}
    }}
}}
"""


class Nginx(Server):
    program = package = "nginx"
    workers = WORKERS
    client_certificates = "ssl_verify_client on; ssl_client_certificate ca.pem;"

    def __init__(self, directory, directives, listen="", workers=WORKERS, **others):
        self.workers, self.directives, self.listen = workers, directives, listen
        super().__init__(directory, **others)

    def configure(self):
        text = NGINX.format(workers=self.workers, address=self.address, port=self.port, listen=self.listen, directives=self.directives)
        (self.directory / "nginx.conf").write_text(text)

    def command(self):
        return ["nginx", "-e", "stderr", "-p", f"{self.directory}/", "-c", "nginx.conf", "-g", "daemon off;"]


HTTPD = """
ServerRoot {directory}
ServerName localhost
PidFile {directory}/apache2.pid
DefaultRuntimeDir {directory}
Mutex posixsem
ErrorLog /dev/stderr
LogLevel warn
User nobody
Group nogroup
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
StartServers {workers}
ServerLimit {workers}
MaxConnectionsPerChild 0
ThreadsPerChild {threads}
MinSpareThreads {all_threads}
MaxRequestWorkers {all_threads}
KeepAlive Off
Listen 127.0.0.1:{port}
DocumentRoot {directory}/www
SSLSessionCacheTimeout 86400
<VirtualHost *:{port}>
    SSLEngine on
    SSLProtocol all
    SSLCertificateFile {directory}/cert.pem
    SSLCertificateKeyFile {directory}/key.pem
</VirtualHost>
{directives}
"""
# Of each of its processes, as Debian has it.
THREADS = 25


class Httpd(Server):
    program, package = "httpd", "apache2-bin"
    workers = WORKERS
    reload_signal = signal.SIGUSR1
    client_certificates = "SSLVerifyClient require\nSSLCACertificateFile {directory}/ca.pem"

    def __init__(self, directory, directives, **others):
        self.directives = directives
        super().__init__(directory, **others)

    def configure(self):
        values = {"directory": self.directory, "port": self.port, "workers": self.workers}
        values |= {"threads": THREADS, "all_threads": THREADS * self.workers}
        text = HTTPD.format(directives=self.directives.format(**values), **values)
        (self.directory / "apache2.conf").write_text(text)
        (self.directory / "www").mkdir()
        (self.directory / "www/index.html").write_text("answer")

    def command(self):
        return ["apache2", "-DFOREGROUND", "-f", f"{self.directory}/apache2.conf"]


HAPROXY = """
global
    log stderr local0 err
    nbthread {threads}
defaults
    mode http
    timeout client 20s
    option httpclose
frontend tls
    bind 127.0.0.1:{port} ssl crt {directory}/both.pem ssl-min-ver TLSv1.2 {directives}
    http-request return status 200 content-type text/plain string answer
"""


class Haproxy(Server):
    """One process, with threads, below a process that watches over it."""

    program, package = "HAProxy", "haproxy"
    reload_signal = signal.SIGUSR2
    separator = " "
    client_certificates = "verify required ca-file {directory}/ca.pem"

    def __init__(self, directory, directives, **others):
        self.directives = directives
        super().__init__(directory, **others)

    def configure(self):
        values = {"directory": self.directory, "port": self.port, "threads": WORKERS}
        text = HAPROXY.format(directives=self.directives.format(**values), **values)
        (self.directory / "haproxy.cfg").write_text(text)

    def command(self):
        return ["haproxy", "-W", "-db", "-f", f"{self.directory}/haproxy.cfg"]
