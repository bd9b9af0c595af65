# SPDX-License-Identifier: MIT
"""Receivers that we did not write: Postfix and aiosmtpd, each a process with its own directory.

    with Postfix(address, {"d0.test": ["anna", "bob"]}) as postfix:
        postfix.address, postfix.port
        postfix.messages("anna@d0.test")          # what was delivered, parsed

    with AioSmtpd(address, login=("edm", "secret"), tls="required") as relay:
        relay.envelopes()                         # [{"rcpt": [...], "tls": bool, "login": ...}]

Both have a certificate for `host`, signed by `ca_file`, made when they start.
"""
import contextlib
import datetime
import email
import email.policy
import ipaddress
import json
import os
import pathlib
import pwd
import select
import shutil
import subprocess
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.ports import free_port
from support.waiting import until

POSTFIX = "/usr/sbin/postfix"
START_SECONDS = 30
SERVICES = """
{address}:{port} inet n - n - - smtpd
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 1 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
proxymap  unix - - n - - proxymap
virtual   unix - n n - - virtual
error     unix - - n - - error
anvil     unix - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


def _name(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _pem_of_key(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def make_certificate(directory, host, address):
    """host.crt and host.key for host and its address, and ca.crt that signed it."""
    now = datetime.datetime.utcnow()
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def build(subject, issuer, public_key, extensions):
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
                   .public_key(public_key).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=1))
                   .not_valid_after(now + datetime.timedelta(days=30)))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(ca_key, hashes.SHA256())

    ca_name = _name("test authority")
    ca = build(ca_name, ca_name, ca_key.public_key(), [x509.BasicConstraints(True, None)])
    names = x509.SubjectAlternativeName(
        [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address(address))])
    leaf = build(_name(host), ca_name, key.public_key(), [names])
    for file, certificate in (("ca.crt", ca), ("host.crt", leaf)):
        (directory / file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "host.key").write_bytes(_pem_of_key(key))


class Peer(contextlib.AbstractContextManager):
    """A directory that others may read, a certificate, an address with a port."""

    def __init__(self, address, host):
        self.address = address
        self.host = host
        self.port = free_port(address)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="edm-peer-"))
        self.directory.chmod(0o755)
        make_certificate(self.directory, host, address)
        self.process = None

    @property
    def ca_file(self):
        return self.directory / "ca.crt"

    def __exit__(self, *_):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(START_SECONDS)
        shutil.rmtree(self.directory)

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self


class Postfix(Peer):
    """Postfix with mailboxes; whoever has none is unknown. Needs root: its parts change users."""

    def __init__(self, address, mailboxes, host="mx.peer.test"):
        super().__init__(address, host)
        self.mailboxes = mailboxes
        self.log_file = self.directory / "log"
        for name in ("config", "spool", "data", "mail"):
            (self.directory / name).mkdir()
        postfix, nobody = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
        os.chown(self.directory / "data", postfix.pw_uid, -1)
        os.chown(self.directory / "mail", nobody.pw_uid, -1)
        self._configure(nobody)

    def _configure(self, owner):
        config, here = self.directory / "config", self.directory
        boxes = "".join(f"{name}@{domain} {domain}/{name}/\n"
                        for domain, names in self.mailboxes.items() for name in names)
        (config / "mailboxes").write_text(boxes)
        (config / "master.cf").write_text(
            SERVICES.format(address=self.address, port=self.port))
        settings = {
            "compatibility_level": "3.6", "queue_directory": here / "spool",
            "data_directory": here / "data", "maillog_file": self.log_file,
            "maillog_file_prefixes": here, "myhostname": self.host,
            "inet_interfaces": "all", "inet_protocols": "ipv4", "mydestination": "",
            "mynetworks": "", "alias_maps": "", "alias_database": "",
            "virtual_mailbox_domains": " ".join(self.mailboxes),
            "virtual_mailbox_maps": f"texthash:{config}/mailboxes",
            "virtual_mailbox_base": here / "mail",
            "virtual_minimum_uid": 1,
            "virtual_uid_maps": f"static:{owner.pw_uid}",
            "virtual_gid_maps": f"static:{owner.pw_gid}",
            "smtpd_tls_cert_file": here / "host.crt", "smtpd_tls_key_file": here / "host.key",
            "smtpd_tls_security_level": "may", "smtpd_tls_received_header": "yes",
            "smtpd_peername_lookup": "no",
            "smtpd_client_connection_count_limit": 0, "default_process_limit": 20,
        }
        (config / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))

    def _start(self):
        with open(self.directory / "output", "wb") as output:
            self.process = subprocess.Popen(
                [POSTFIX, "-c", self.directory / "config", "start-fg"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        until(lambda: "daemon started" in self.said(), START_SECONDS, "Postfix started")

    def said(self):
        return "".join(file.read_text() for file in (self.directory / "output", self.log_file)
                       if file.exists())

    def messages(self, address):
        """Those in the mailbox of address."""
        name, domain = address.split("@")
        files = (self.directory / "mail" / domain / name / "new").glob("*")
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
                for file in files]

    def raw_messages(self, address):
        """The same as bytes, without the fields that Postfix put before them."""
        name, domain = address.split("@")
        files = (self.directory / "mail" / domain / name / "new").glob("*")
        return [file.read_bytes().replace(b"\n", b"\r\n") for file in files]


class AioSmtpd(Peer):
    """A relay of aiosmtpd: tls is "none", "offered" or "required"; login is (user, password)."""

    def __init__(self, address, tls="offered", login=None, host="relay.peer.test"):
        super().__init__(address, host)
        self.tls = tls
        self.login = login

    def _start(self):
        options = {"address": self.address, "port": self.port, "tls": self.tls,
                   "login": self.login, "directory": str(self.directory), "host": self.host}
        self.process = subprocess.Popen(
            ["/usr/bin/python3", pathlib.Path(__file__).with_name("aiosmtpd_peer.py"),
             json.dumps(options)], stdout=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        assert ready and self.process.stdout.readline() == "ready\n", "aiosmtpd did not start"

    def envelopes(self):
        file = self.directory / "envelopes"
        return [json.loads(line) for line in file.read_text().splitlines()] \
            if file.exists() else []
