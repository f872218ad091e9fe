"""Which encoding a file is in, with the evidence for it."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterator

from scimport.errors import SourceError
from scimport.sources.files import DataFile

_BLOCK = 65_536
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Letters of the languages that are written in each encoding of one byte a character; the first wins a draw.
_LETTERS = {
    "cp1252": "äöüßÄÖÜéèêëÉÈçÇàâÀáíóúñÑÁÍÓÚîïôûùœŒæøåÆØÅãõýšžŠŽ€",
    "cp1250": "áäčďéěíľĺňóôőřšťúůűýžąćęłńśźżÁČĎÉĚÍĽŇÓÔŐŘŠŤÚŮŰÝŽĄĆĘŁŃŚŹŻöüßÖÜ€",
    "iso8859-2": "áäčďéěíľňóôřšťúůýžąćęłńśźżÁČĎÉĚŇŘŠŤÚŮÝŽĄĆĘŁŃŚŹŻöüß",
    "cp850": "äöüßÄÖÜéèêëÉçÇàâáíóúñÑîïôûùæøåÆØÅãõ",
    "mac_roman": "äöüßÄÖÜéèêëÉçÇàâáíóúñÑîïôûùœæøåÆØÅ",
}


def find_encoding(file: DataFile) -> tuple[str, str]:
    """Find the encoding of a text file, reading all of it in constant memory.

    Returns:
        The codec as ``encoding:`` takes it, and why it is this one, without any text of the file.

    Raises:
        SourceError: The file cannot be read.
    """
    try:
        head = next(_blocks(file), b"")
        for mark, name in _MARKS:
            if head.startswith(mark):
                return name, f"it begins with the byte order mark of {name.upper()}"
        even, odd = head[0::2].count(0), head[1::2].count(0)
        if max(even, odd) * 4 > len(head) > 0:
            return f"utf-16-{'le' if odd > even else 'be'}", "every other byte is zero, as in UTF-16"
        return _without_mark(file)
    except file.errors as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(file.unreadable(error)) from None


def _without_mark(file: DataFile) -> tuple[str, str]:
    decoder, beyond, seen = codecs.getincrementaldecoder("utf-8")(), 0, 0
    try:
        for block in _blocks(file):
            beyond += sum(not character.isascii() for character in decoder.decode(block))
            seen += len(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        bad = error.object[error.start]
        return _of_one_byte(file, f"byte 0x{bad:02X} is not UTF-8")
    if not beyond:
        return "utf-8", "it holds ASCII alone"
    return "utf-8", f"all of its {beyond:,} characters beyond ASCII are valid UTF-8"


def _of_one_byte(file: DataFile, why: str) -> tuple[str, str]:
    pairs: Counter[bytes] = Counter()
    before = b" "
    for block in _blocks(file):
        text = before + block
        pairs.update(text[n - 1 : n + 1] for n in range(1, len(text)) if text[n] > 127)
        before = text[-1:]
    total = sum(pairs.values())
    scores = {name: _score(name, pairs) for name in _LETTERS}
    best = max(scores, key=lambda name: scores[name])
    return (
        best,
        f"{why}; as {best}, {max(scores[best], 0):,} of {total:,} bytes beyond ASCII are usual letters",
    )


def _score(name: str, pairs: Counter[bytes]) -> int:
    score = 0
    for pair, count in pairs.items():
        try:
            character = pair[1:].decode(name)
        except UnicodeDecodeError:
            return -1
        # A capital within a word is a sign of the wrong encoding.
        odd = character.isupper() and pair[:1].islower()
        score += count if character in _LETTERS[name] and not odd else 0
    return score


def _blocks(file: DataFile) -> Iterator[bytes]:
    with file.opened() as stream:
        while block := stream.read(_BLOCK):
            yield block
