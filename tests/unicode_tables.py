#!/usr/bin/env python3
"""unicode_tables.py -- weights/unicode_tables.h from Python's own Unicode data: classes, case context, lower case

    python3 tests/unicode_tables.py > weights/unicode_tables.h

Needs a Python whose unicodedata is that of UNICODE below (3.11), and nothing else. The case context is what str.lower()
shows of it: a capital sigma becomes a final one behind a cased letter, and looks through what is case-ignorable.
"""
import sys
import unicodedata

UNICODE = "14.0.0"
POINTS = [c for c in range(0x110000) if not 0xd800 <= c < 0xe000]
SIGMA, FINAL = "\u03a3", "\u03c2"
SPACE_NOT = range(0x1c, 0x20)                          # str.isspace() takes them, White_Space and the regex \s do not


def split_class(c):
    category = unicodedata.category(chr(c))[0]
    if category in "LN":
        return "LN".index(category) + 1
    return 3 if chr(c).isspace() and c not in SPACE_NOT else 0


def case_context(c):
    if (chr(c) + SIGMA).lower().endswith(FINAL):
        return 1                                       # cased, not ignorable
    return 2 if ("a" + chr(c) + SIGMA).lower().endswith(FINAL) else 0


def ranges(value):
    out = []
    for c in POINTS:
        v = value(c)
        if v == 0:
            continue
        if out and out[-1][1] == c - 1 and out[-1][2] == v:
            out[-1][1] = c
        else:
            out.append([c, c, v])
    return out


def lower_ranges():
    """[first, last, step, delta]: first, first + step, ... last all move by delta"""
    out = []
    for c in POINTS:
        low = chr(c).lower()
        if len(low) != 1:
            assert c == 0x130 and low == "i\u0307"     # written out in unicode.c
            continue
        delta = ord(low) - c
        if delta == 0:
            continue
        same = out and out[-1][3] == delta
        gap = c - out[-1][1] if out else 0
        if same and gap in (1, 2) and out[-1][2] in (0, gap):
            out[-1][1], out[-1][2] = c, gap
        else:
            out.append([c, c, 0, delta])
    return [[a, b, step or 1, delta] for a, b, step, delta in out]


def table(kind, name, note, rows):
    print(f"\n/* {note} */\nstatic const {kind} {name}[{len(rows)}] = {{")
    line = "   "
    for row in rows:
        item = " { " + ", ".join(f"0x{v:x}" if i < 2 else str(v) for i, v in enumerate(row)) + " },"
        if len(line + item) > 118:
            print(line)
            line = "   "
        line += item
    print(line + "\n};")


def main():
    if unicodedata.unidata_version != UNICODE:
        sys.exit(f"unicode_tables.py: found Unicode {unicodedata.unidata_version}, expected {UNICODE}")
    print(f"""\
/* unicode_tables.h -- ranges of code points, ascending, for unicode.c alone; Unicode {UNICODE}
 *
 * Written by tests/unicode_tables.py: change that, not this.
 */
#ifndef SDREF_WEIGHTS_UNICODE_TABLES_H
#define SDREF_WEIGHTS_UNICODE_TABLES_H

#include <stdint.h>

typedef struct {{ uint32_t first, last; int value; }} UnicodeRange;
typedef struct {{ uint32_t first, last; int step, delta; }} UnicodeMove;""")
    table("UnicodeRange", "class_range", "first, last, UnicodeClass: 1 a letter (L), 2 a number (N), 3 White_Space",
          ranges(split_class))
    table("UnicodeRange", "case_range", "first, last, 1: cased and not case-ignorable, 2: case-ignorable",
          ranges(case_context))
    table("UnicodeMove", "lower_move", "first, first + step, ... last, step, delta: the lower case lies delta further",
          lower_ranges())
    print("\n#endif")


if __name__ == "__main__":
    main()
