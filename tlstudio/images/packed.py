"""Owns a `Look` as bytes: on the pipe from the child that looked, and in the memory of verdicts."""

from __future__ import annotations

import struct

from tlstudio.images.facts import Facts, Look

_LOOK = struct.Struct("<B32sHHH")
"""Which parts there are, the digest, and the lengths in bytes of reason, `done` and format."""
_FACTS = struct.Struct("<IIddddBBBd768sH")
"""The numbers of `Facts`, its thumb, and the length in bytes of the camera's name."""
_LASTING, _DIGEST, _HAS_FACTS, _CAMERA, _TAKEN = 1, 2, 4, 8, 16
_LONGEST = 500
_BETWEEN = "\n"


def pack(look: Look) -> bytes:
    """Texts from files are cut to a length that makes sense."""
    reason = look.reason.encode(errors="replace")[: 4 * _LONGEST]
    done = _BETWEEN.join(look.done).encode(errors="replace")[: 4 * _LONGEST]
    parts = _LASTING * look.lasting | _DIGEST * bool(look.digest)
    facts = look.facts
    if facts is None:
        return _LOOK.pack(parts, look.digest, len(reason), len(done), 0) + reason + done
    kind, camera = facts.format.encode(), (facts.camera or "")[:_LONGEST].encode(errors="replace")
    parts |= _HAS_FACTS | _CAMERA * bool(camera) | _TAKEN * (facts.taken is not None)
    numbers = _FACTS.pack(
        *(facts.width, facts.height, facts.taken or 0.0, facts.mean, facts.spread),
        *(facts.border_spread, *facts.border, facts.text),
        *(facts.thumb, len(camera)),
    )
    head = _LOOK.pack(parts, look.digest, len(reason), len(done), len(kind))
    return b"".join((head, reason, done, numbers, kind, camera))


def unpack(packed: bytes) -> Look:
    """The inverse of `pack`; raises `ValueError` for anything else."""
    try:
        parts, digest, reason, done, kind = _LOOK.unpack_from(packed)
        start = _LOOK.size + reason
        end = start + done
        facts = None
        if parts & _HAS_FACTS:
            facts, end = _facts(packed, end, kind, parts)
    except struct.error as error:
        raise ValueError("these bytes are no look") from error
    if end != len(packed):
        raise ValueError("these bytes are no look: their length is wrong")
    texts = str(packed[start : start + done], "utf-8")
    return Look(
        str(packed[_LOOK.size : start], "utf-8"),
        bool(parts & _LASTING),
        digest if parts & _DIGEST else b"",
        tuple(texts.split(_BETWEEN)) if texts else (),
        facts,
    )


def _facts(packed: bytes, at: int, kind: int, parts: int) -> tuple[Facts, int]:
    """The facts that begin at `at`, and where they end."""
    numbers = _FACTS.unpack_from(packed, at)
    width, height, taken, mean, spread, vary, red, green, blue, text, thumb, camera = numbers
    middle = at + _FACTS.size + kind
    end = middle + camera
    facts = Facts(
        width,
        height,
        str(packed[middle - kind : middle], "utf-8"),
        str(packed[middle:end], "utf-8") if parts & _CAMERA else None,
        taken if parts & _TAKEN else None,
        mean,
        spread,
        (red, green, blue),
        vary,
        text,
        thumb,
    )
    return facts, end
