"""The one client that both sides are measured with: bare sockets, no parsing beyond the tag."""

import socket
import ssl


class Imap:
    """Speaks IMAP; `ask` returns the whole answer as octets."""

    def __init__(self, port, *, tls=False):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=300)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # both sides alike; nothing secret is sent
            self.socket = context.wrap_socket(self.socket)
        self.number = 0
        self.rest = b""
        self.line()

    def line(self):
        while b"\r\n" not in self.rest:
            data = self.socket.recv(1 << 18)
            if not data:
                raise ConnectionError("the server hung up")
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\r\n")
        return line

    def ask(self, command):
        self.number += 1
        tag = b"t%d" % self.number
        self.socket.sendall(tag + b" " + command + b"\r\n")
        return self.answer(tag)

    def answer(self, tag):
        end = b"\r\n" + tag + b" "
        pieces, tail = [b"\r\n" + self.rest], b"\r\n" + self.rest
        while True:
            at = tail.find(end)
            if at >= 0 and tail.endswith(b"\r\n") and tail.find(b"\r\n", at + len(end)) >= 0:
                break
            data = self.socket.recv(1 << 18)
            if not data:
                raise ConnectionError("the server hung up")
            pieces.append(data)
            tail = tail[-2000:] + data
        self.rest = b""
        said = b"".join(pieces)[2:]
        status = (
            said[said.rfind(b"\r\n" + tag, 0, len(said)) :].lstrip(b"\r\n")
            if b"\r\n" + tag in said
            else said
        )
        if not status.startswith(tag + b" OK"):
            raise AssertionError(f"not OK: {status[:200]!r}")
        return said

    def append(self, mailbox, message):
        self.number += 1
        tag = b"t%d" % self.number
        self.socket.sendall(b"%b APPEND %b {%d}\r\n" % (tag, mailbox, len(message)))
        assert self.line().startswith(b"+")
        self.socket.sendall(message + b"\r\n")
        return self.answer(tag)

    def login(self, user, password, mailbox=b"INBOX"):
        self.ask(b"LOGIN %b %b" % (user, password))
        if mailbox:
            return self.ask(b"SELECT " + mailbox)
        return b""

    def close(self):
        self.socket.close()


class Lines:
    """Speaks SMTP or POP3."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb", buffering=1 << 16)
        self.reply()

    def reply(self):
        while True:
            line = self.file.readline()
            if line[3:4] != b"-" or line[:1] not in b"2345":
                return line

    def ask(self, command):
        self.socket.sendall(command + b"\r\n")
        return self.reply()

    def multiline(self, command):
        self.socket.sendall(command + b"\r\n")
        first, lines = self.file.readline(), []
        assert first.startswith(b"+OK"), first
        while (line := self.file.readline()) != b".\r\n":
            lines.append(line)
        return b"".join(lines)

    def mail(self, sender, recipient, message):
        self.socket.sendall(b"MAIL FROM:<%b>\r\nRCPT TO:<%b>\r\nDATA\r\n" % (sender, recipient))
        for wanted in (b"250", b"250", b"354"):
            reply = self.reply()
            assert reply.startswith(wanted), reply
        self.socket.sendall(message + b".\r\n")
        reply = self.reply()
        assert reply.startswith(b"250"), reply

    def close(self):
        self.socket.close()
