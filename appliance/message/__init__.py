"""Mail as bytes: RFC 5322 headers and MIME, read without ever raising.

Pure: bytes in, values out. Nothing here knows a disk, a socket or a mailbox.
"""
