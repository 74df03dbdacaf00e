"""What gunicorn and uwsgi serve, and uvicorn."""


def app(environment, start_response):
    start_response("200 OK", [("Content-Length", "6")])
    return [b"answer"]


async def asynchronous(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"6")]})
    await send({"type": "http.response.body", "body": b"answer"})
