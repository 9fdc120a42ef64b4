"""Mutations of files: of their bytes, and of the values that their JSON or TOML holds."""

import copy
import json

WORDS = [b"\x00", b"\xff", b"\xed\xa0\x80", b"{", b"}", b"[", b"]", b'"', b"\\u0000", b"\\ud800"]
WORDS += [
    b"1e999",
    b"-",
    b"0" * 5_000,
    b"9" * 5_000,
    b"[" * 5_000,
    b"null",
    b"true",
    b"\xef\xbb\xbf",
]
WORDS += [b"../../x", b"/etc/passwd", b"__import__", b"<<<<<<< HEAD\n", b"\r", b"\n", b"NaN", b"."]
VALUES = [
    None,
    True,
    -1,
    0,
    2**63,
    2**70,
    10**400,
    1e308,
    -0.0,
    "",
    "x",
    "\x00",
    "\u202e",
    "a" * 300,
]
VALUES += ["../../../x", "/etc/passwd", "!!python/object/apply:os.system", "__import__('os')"]
VALUES += [[], {}, [[]], {"": ""}, [None] * 50, "9999-12-31T23:59:59", "-1", 3]


def mutate(random, content):
    """Return the bytes of a file with a few changes."""
    if random.random() < 0.5:
        try:
            return _mutate_values(random, json.loads(content))
        except ValueError:
            pass
    return _mutate_bytes(random, content)


def _mutate_bytes(random, content):
    for _ in range(random.choice([1, 1, 1, 2, 8])):
        begin = random.randrange(len(content) + 1)
        end = min(len(content), begin + random.choice([0, 1, 1, 4, 64]))
        middle = random.choice([b"", bytes([random.randrange(256)]), random.choice(WORDS)])
        if random.random() < 0.1:
            middle = content[begin:end] * random.choice([2, 200])
        content = content[:begin] + middle + content[end:]
    if random.random() < 0.1:
        content = content[: random.randrange(len(content) + 1)]
    return content


def _mutate_values(random, document):
    for _ in range(random.choice([1, 1, 2, 5])):
        place = _pick_place(random, document)
        if place is None:
            return json.dumps(random.choice(VALUES)).encode()
        holder, key = place
        _change(random, holder, key)
    return json.dumps(document).encode()


def _change(random, holder, key):
    way = random.randrange(4)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, dict):
        holder[random.choice(["", "x", "#", "../x", "format", "version"])] = copy.deepcopy(
            holder[key]
        )
    elif way == 1:
        holder.append(copy.deepcopy(holder[key]))
    elif way == 2 and isinstance(holder[key], int | float):
        holder[key] = random.choice([holder[key] + 1, -holder[key], holder[key] * 10**6, "1"])
    else:
        # A copy, or a later change would put a list into itself.
        holder[key] = copy.deepcopy(random.choice(VALUES))


def _pick_place(random, document):
    """Return a list or dict of a document, and a key of it; None where there is none."""
    places = []
    holders = [document]
    while holders:
        holder = holders.pop()
        if isinstance(holder, dict):
            keys = list(holder)
        elif isinstance(holder, list):
            keys = list(range(len(holder)))
        else:
            continue
        for key in keys:
            places.append((holder, key))
            holders.append(holder[key])
    return random.choice(places) if places else None
