"""The mail that is measured with: made once, the same for both sides, hard-linked into each."""

import os
import random

WORDS = [
    "office",
    "invoice",
    "meeting",
    "please",
    "find",
    "attached",
    "regards",
    "monday",
    "draft",
    "contract",
    "delivery",
    "order",
    "number",
    "payment",
    "question",
    "answer",
    "printer",
    "coffee",
    "window",
    "project",
    "report",
    "customer",
    "figures",
    "lunch",
]


def message(number, rng):
    """One mail of some kilobytes: plain, with an alternative, or with an attachment."""
    person = f"{rng.choice(WORDS).title()} {rng.choice(WORDS).title()}"
    address = f"{rng.choice(WORDS)}{rng.randrange(200)}@{rng.choice(WORDS)}.example"
    subject = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(2, 8)))
    if number % 5 == 0:
        subject = "=?utf-8?q?Gr=C3=BC=C3=9Fe_" + subject.replace(" ", "_") + "?="
    head = [
        f"Return-Path: <{address}>",
        f"Received: from mail.{rng.choice(WORDS)}.example ([192.0.2.{number % 250}])",
        f"\tby mx.office.test with ESMTPS id {number:08x}; Mon, 2 Nov 2026 10:{number % 60:02d}:00 +0100",
        f"Date: Mon, {number % 28 + 1} Nov 2026 10:{number % 60:02d}:00 +0100",
        f"From: {person} <{address}>",
        "To: Anna Beispiel <anna@office.test>" + (", Ben <ben@office.test>" if number % 3 else ""),
        f"Subject: {subject}",
        f"Message-ID: <{number}.{rng.randrange(10**9)}@{rng.choice(WORDS)}.example>",
        "MIME-Version: 1.0",
    ]
    if number % 4:
        head.append(f"In-Reply-To: <{number - 1}.x@{rng.choice(WORDS)}.example>")
    body = "\r\n".join(
        " ".join(rng.choice(WORDS) for _ in range(12)) for _ in range(rng.randrange(20, 150))
    )
    kind = number % 3
    if kind == 0:
        lines = [*head, "Content-Type: text/plain; charset=utf-8", "", body, ""]
    elif kind == 1:
        lines = [
            *head,
            'Content-Type: multipart/alternative; boundary="b1"',
            "",
            "--b1",
            "Content-Type: text/plain; charset=utf-8",
            "",
            body,
            "--b1",
            "Content-Type: text/html; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            "",
            f"<p>{body}</p>",
            "--b1--",
            "",
        ]
    else:
        blob = "\r\n".join(
            "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAx"
            for _ in range(rng.randrange(20, 200))
        )
        lines = [
            *head,
            'Content-Type: multipart/mixed; boundary="b2"',
            "",
            "--b2",
            "Content-Type: text/plain",
            "",
            body,
            "--b2",
            'Content-Type: application/pdf; name="a.pdf"',
            "Content-Transfer-Encoding: base64",
            'Content-Disposition: attachment; filename="a.pdf"',
            "",
            blob,
            "--b2--",
            "",
        ]
    return "\r\n".join(lines).encode()


def make(directory, count):
    """`count` messages as files; those that are there already are kept."""
    os.makedirs(directory, exist_ok=True)
    rng = random.Random(7)
    distinct = min(count, 5000)
    names = []
    for number in range(count):
        path = os.path.join(directory, f"{number:06d}")
        names.append(path)
        content = message(number, rng) if number < distinct else None
        if os.path.exists(path):
            continue
        if content is None:  # beyond that, each file is a copy of its own of an earlier one
            with open(names[number % distinct], "rb") as file:
                content = file.read()
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, (1_790_000_000 + number * 60, 1_790_000_000 + number * 60))
    return names


def link_into(names, maildir, *, owner=None):
    """Put the messages into the cur/ of a Maildir by links."""
    for part in ("", "cur", "new", "tmp"):
        os.makedirs(os.path.join(maildir, part), mode=0o700, exist_ok=True)
    for number, path in enumerate(names):
        flags = "S" if number % 3 else ""
        seconds = 1_790_000_000 + number * 60
        size = os.path.getsize(path)
        target = f"{seconds}.M{number}P1.bench,S={size}:2,{flags}"
        os.link(path, os.path.join(maildir, "cur", target))
    if owner is not None:
        for root, _, _ in os.walk(maildir):
            os.chown(root, *owner)
