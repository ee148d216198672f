"""What every request has to pass: this machine's name, no foreign page, the token, and a bounded body."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tensorar_web.answers import MAX_BODY, refusal

# characters
MAX_ADDRESS = 1000
HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Guard:
    """Lets requests to ``/TOKEN/...`` through that name this machine and come from its own page or from a program.

    The ``Host`` is compared, so that a foreign name that resolves to 127.0.0.1 is of no use; the ``Origin`` of other
    pages is refused. A wrong token is answered as a page that does not exist. Bodies above 8 MiB are refused.
    """

    app: ASGIApp
    token: str
    port: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            # start and end of the application; it has no websockets
            await self.app(scope, receive, send)
            return
        reason = self._refused(scope)
        send = _with_headers(send)
        if reason is not None:
            await refusal(*reason)(scope, receive, send)
            return
        # what is below the token is what the application knows
        await self.app({**scope, "root_path": f"/{self.token}"}, receive, send)

    def _refused(self, scope: Scope) -> tuple[int, str, str, str] | None:
        headers = Headers(scope=scope)
        hosts = [f"127.0.0.1:{self.port}", f"localhost:{self.port}"]
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in hosts:
            return 421, f"the host {hosts[0]}", host[:100] or "none", "open the address that tensorar serve printed"
        foreign = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
        if (origin is not None and origin != f"http://{host}") or foreign:
            return 403, "a request of the page itself", "one of another page", "open the address that was printed"
        # the path of `OPTIONS *` has no slash
        token = scope["path"].removeprefix("/").partition("/")[0]
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return 404, "the address that tensorar serve printed, with its token", "another one", "copy all of it"
        if len(scope["path"]) > MAX_ADDRESS:
            return (
                414,
                f"an address of at most {MAX_ADDRESS} characters",
                "a longer one",
                "shorten it",
            )
        length = headers.get("content-length", "0")
        # numbers of thousands of digits are none for Python
        if not length.isdecimal() or len(length) > 20 or int(length) > MAX_BODY:
            return 413, f"a body of at most {MAX_BODY} bytes", length[:20], "send less"
        return None


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return send_with_headers
