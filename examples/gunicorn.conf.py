"""gunicorn whose workers share their sessions.

LD_PRELOAD=/usr/local/lib/libsslsession.so SSLSESSION_STORE=shared SSLSESSION_TICKETS=stateful \
    gunicorn --config gunicorn.conf.py app:app
"""

bind = "0.0.0.0:8443"
workers = 4
certfile = "/etc/ssl/certs/example.com.pem"
keyfile = "/etc/ssl/private/example.com.key"
