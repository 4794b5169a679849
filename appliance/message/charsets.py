"""Bytes in a named charset as text, whatever the name and whatever the bytes.

The names are a closed table. Asking Python for any name a stranger writes would import modules,
fill a cache that never shrinks, and offer codecs that are no charsets (punycode is quadratic).
"""

from collections.abc import Iterator

_SAME_NAMES = """
    utf-8 utf-7 utf-16 utf-16le utf-16be utf-32 utf-32le utf-32be koi8-r koi8-u koi8-t
    gbk gb18030 big5 big5hkscs euc-jp iso-2022-jp iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3
    iso-2022-jp-ext euc-kr iso-2022-kr johab hz ptcp154 kz1048 tis-620
    cp437 cp720 cp737 cp775 cp850 cp852 cp855 cp857 cp858 cp860 cp861 cp862 cp863 cp864 cp865
    cp866 cp869 cp874 cp932 cp949 cp950 cp1125 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256
    cp1257 cp1258
"""

_OTHER_NAMES = {
    "utf8": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "utf7": "utf-7",
    "ucs-2": "utf-16",
    "latin1": "latin-1",
    "latin-1": "latin-1",
    "l1": "latin-1",
    "cp819": "latin-1",
    "iso8859-1": "latin-1",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "hz-gb-2312": "hz",
    "big5-hkscs": "big5hkscs",
    "x-euc-jp": "euc-jp",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "ms949": "cp949",
    "windows-949": "cp949",
    "windows-874": "cp874",
    "windows-1361": "johab",
    "ibm437": "cp437",
    "ibm850": "cp850",
    "ibm852": "cp852",
    "ibm855": "cp855",
    "ibm866": "cp866",
    "macintosh": "mac-roman",
    "x-mac-roman": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-ce": "mac-latin2",
    "x-mac-greek": "mac-greek",
    "x-mac-turkish": "mac-turkish",
}
_UNDECLARED = {"", "us-ascii", "ascii", "ansi_x3.4-1968", "unknown-8bit", "x-unknown", "default"}


def _names() -> Iterator[tuple[str, str]]:
    yield from ((name, name) for name in _SAME_NAMES.split())
    yield from _OTHER_NAMES.items()
    for part in (*range(1, 12), 13, 14, 15, 16):
        codec = "latin-1" if part == 1 else f"iso8859-{part}"
        for name in (f"iso-8859-{part}", f"iso8859-{part}", f"iso_8859-{part}", f"8859-{part}"):
            yield name, codec
    for direction in ("-i", "-e"):  # RFC 1556: says how to draw it, the bytes are the same
        yield f"iso-8859-8{direction}", "iso8859-8"
        yield f"iso-8859-6{direction}", "iso8859-6"
    for page in range(1250, 1259):
        yield f"windows-{page}", f"cp{page}"


_CODECS = dict(_names())


def codec_of(charset: bytes) -> str | None:
    """Return the codec of a charset name; None for one we do not know."""
    return _CODECS.get(charset.decode("latin-1").strip(" \"'").lower())


def decode_undeclared(data: bytes) -> str:
    """Text of which nobody says how it is written: UTF-8 if it is that, otherwise Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def decode(data: bytes, charset: bytes) -> str:
    """Decode and never raise: damage becomes U+FFFD, an unknown charset is read as Latin-1."""
    name = charset.decode("latin-1").strip(" \"'").lower()
    if name in _UNDECLARED:
        return decode_undeclared(data)
    codec = _CODECS.get(name, "latin-1")
    try:
        text = data.decode(codec, "replace")
    except (UnicodeError, LookupError):  # a codec that cannot go on (a cut-off UTF-16 mark)
        return data.decode("latin-1")
    if codec == "utf-7":  # the one codec that lets lone surrogates through
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
