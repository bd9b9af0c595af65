# SPDX-License-Identifier: MIT
"""The process of support.peers.AioSmtpd: says "ready", then writes a line for each message."""
import asyncio
import json
import pathlib
import signal
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    """Takes everything and writes it down."""

    def __init__(self, file):
        self.file = file

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        said = {"from": envelope.mail_from, "rcpt": envelope.rcpt_tos, "ehlo": session.host_name,
                "tls": session.ssl is not None, "login": session.auth_data,
                "size": len(envelope.content)}
        self.file.write(json.dumps(said) + "\n")
        self.file.flush()
        return "250 2.0.0 taken"


async def serve(options):
    directory = pathlib.Path(options["directory"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "host.crt", directory / "host.key")
    login = options["login"]

    def check(server, session, envelope, mechanism, data):
        given = [data.login.decode(), data.password.decode()]
        return AuthResult(success=given == login, handled=given == login, auth_data=given[0])

    more = {"authenticator": check, "auth_required": True} if login else {}
    with open(directory / "envelopes", "w", encoding="utf-8") as file:
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(Handler(file), hostname=options["host"], enable_SMTPUTF8=True,
                         tls_context=None if options["tls"] == "none" else context,
                         require_starttls=options["tls"] == "required", **more),
            options["address"], options["port"])
        print("ready", flush=True)
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        await stopped.wait()
        server.close()


asyncio.run(serve(json.loads(sys.argv[1])))
