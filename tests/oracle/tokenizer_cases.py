"""Writes tests/golden/tokenizer_more.json: prompts and their ids, by transformers' CLIPTokenizer and by a port of CLIP's.

    python3 tests/oracle/tokenizer_cases.py tests/golden/tokenizer tests/golden/tokenizer_more.json

Needs Python 3.11 (Unicode 14), transformers 4.30.2 and regex 2022.8.17; `make test` needs only the file. ftfy, which
CLIPTokenizer sends its text through, is replaced by the identity. The port states the rules of openai/CLIP in a few
lines: words by regex, then the best pair of a word is merged until there is none. Both must agree on every prompt of
CASES; those of CUT, out of which transformers cuts special tokens first, get the port's ids, which must differ.
Ids: start, all tokens, end; not cut to a length, not padded.
"""
import json
import sys
import unicodedata

import regex
from transformers import CLIPTokenizer

PATTERN = regex.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
                        regex.IGNORECASE)
SPECIAL = ("<|startoftext|>", "<|endoftext|>")


class Port:
    def __init__(self, folder):
        self.ids = json.load(open(f"{folder}/vocab.json", encoding="utf-8"))
        lines = open(f"{folder}/merges.txt", encoding="utf-8").read().strip().split("\n")[1:48895]
        self.rank = {tuple(line.split(" ")): i for i, line in enumerate(lines)}
        own = [b for b in range(256) if 0x21 <= b <= 0x7e or 0xa1 <= b <= 0xac or b >= 0xae]
        self.letter = {b: chr(b) for b in own}
        for i, b in enumerate(sorted(set(range(256)) - set(own))):
            self.letter[b] = chr(256 + i)

    def word(self, word):
        if word in SPECIAL:
            return [word]
        parts = [self.letter[b] for b in word.encode("utf-8")]
        parts[-1] += "</w>"
        while True:
            pairs = [p for p in zip(parts, parts[1:]) if p in self.rank]
            if not pairs:
                return parts
            best, out = min(pairs, key=self.rank.get), []
            for part in parts:
                if out and not isinstance(out[-1], list) and (out[-1], part) == best:
                    out[-1] = [out[-1] + part]         # in a list: not to be merged again in this round
                else:
                    out.append(part)
            parts = [p[0] if isinstance(p, list) else p for p in out]

    def encode(self, text):
        words = PATTERN.findall(text.strip().lower())
        return [self.ids[SPECIAL[0]]] + [self.ids[p] for w in words for p in self.word(w)] + [self.ids[SPECIAL[1]]]


def transformers_tokenizer(folder):
    tokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=10 ** 9)
    tokenizer.fix_text = lambda text: text
    return tokenizer


CASES = [
    # prompts of the papers
    "a DSLR photo of a peacock on a surfboard", "a zoomed out DSLR photo of a squirrel dressed like a king, back view",
    "a highly detailed stone bust of Theodoros Kolokotronis",
    "Michelangelo style statue of dog reading news on a cellphone",
    "a plate piled high with chocolate chip cookies, overhead view",
    "unrealistic, blurry, low quality, out of focus, ugly",
    "ugly, bad anatomy, blurry, pixelated obscure, unnatural colors, poor lighting, dull, and unclear",
    "a 20-sided die made out of glass", "a baby bunny sitting on top of a stack of pancakes, side view",
    # contractions
    "I'm you're he's we've they'll she'd can't", "I'M YOU'RE HE'S WE'VE THEY'LL SHE'D CAN'T",
    "rock 'n' roll 'tis the '90s", "'s 't 're 've 'm 'll 'd", "x's!'s 's' ''s '''",
    "cat\u2019s toy, \u2018quoted\u2019 \u201ctext\u201d", "'\u017f long s, <|\u017ftartoftext|>",
    "'LLama 'Sure 'Dove 'Theta",
    # numbers
    "0123456789 1e-3 3.14159 -42 +7 50% 1,000,000", "\xb2\xb3\xbd \u2167 \u2460 \u0663\u0664 \u0969 \u4e09 \U0001d7d8",
    "4k 8K hdr16 v2.1-base r2d2",
    # punctuation, white space, controls
    "...!!!???,,,;;:::", "(((masterpiece:1.2))), [best|worst], {a|b}, <lora:x:0.8>", "a_b-c/d\\e@f#g$h%i^j&k*l=m+n~o`p",
    "#tag @user http://x.y/z?q=1&r=2", " \t\n\x0b\x0c\r\x85\xa0\u1680\u2000\u2028\u2029\u202f\u205f\u3000x y\u3000",
    "\u200bzero\u200cwidth\u200djoiner\ufeff\u2060", "\x1c\x1dfile\x1c\x1dseparators\x1e\x1f",
    "\x01\x02bell\x07\x7f\x80\x9f", "   ", "\x1f", "soft\xadhyphen non\u2011breaking\u2014dash",
    # case
    "\u0130stanbul I\u0131\u0130i DI\u015eARI",
    "\u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3 \u03a3 \u0391\u03a3. \u0391\u03a3' "
    "\u03a3\u0391\u03a3\u03a3\u0301 \u0391\u03a3\u0301\u0391 \u0391\xad\u03a3",
    "\u1d43\u03a3 a\u0345\u03a3 A\u0345B\u0345\u0345 \u0345", "STRASSE Stra\xdfe \u1e9e \ufb05 \ufb03 \u01c5 \u01f2",
    "\u212a\u212b\u2126 \u023a\u023e \ua64a\u1c88",
    "\u13a0\u13f5\uab70\u13f8 \u10d0\u1c90\u10a0 \U00010400\U00010428 \U0001e900\U0001e922",
    "\u2160\u2170 \u24b6\u24d0 \uff21\uff41\uff11", "\u1f88\u1f80\u1fbc \u0390 \u0149",
    # scripts
    "\u65e5\u672c\u8a9e\u3068\u4e2d\u6587\u3001\ud55c\uad6d\uc5b4\u3002",
    "\u043a\u0440\u0430\u0441\u043d\u0430\u044f \u041a\u0420\u0423\u0416\u041a\u0410",
    "\u0643\u0648\u0628 \u0623\u062d\u0645\u0631\u060c", "\u05e9\u05dc\u05d5\u05dd",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u0bae\u0bbf\u0bb4\u0bcd", "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22",
    "Ti\u1ebfng Vi\u1ec7t, \u010de\u0161tina, \u0141\xf3d\u017a, \xc5NGSTR\xd6M",
    "e\u0301 E\u0301 n\u0303 a\u0308\u0323 \u0301 caf\xe9 cafe\u0301", "\u1112\u1161\u11ab \u0915\u093c \u0958",
    # emoji and the higher planes
    "\U0001f600\U0001f44d\U0001f3fd \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7 \u2764\ufe0f "
    "1\ufe0f\u20e3",
    "\U0001f409dragon\U0001f525fire", "\U00020000\U0002a6d6 \U00030000 \U000e0041 \U000f0000 \U0010ffff",
    "\U0001d400\U0001d41a \U0001f130 \U00012000 \U00013000", "\ufffd \ufffe \uffff \ue000",
    # special tokens in the text
    "<|startoftext|>a cat<|endoftext|>", "<|STARTOFTEXT|> <|EndOfText|>", "<|endoftext|><|endoftext|> <| endoftext |>",
    "x<|startoftext|>y<|endoftext", "</w> a</w> <w>",
    # long
    "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis", "hahaha" * 20,
    "ab" * 50 + "a" * 33, "!?" * 60, ", ".join(["a very long prompt of more than 75 tokens"] * 12), "\u0141\u0160" * 20,
]
CUT = ["!!<|endoftext|>", "a.<|startoftext|>.b", "'<|endoftext|>'s"]


def main():
    folder, path = sys.argv[1:]
    if unicodedata.unidata_version != "14.0.0" or regex.__version__ != "2.5.119":
        sys.exit("tokenizer_cases.py: expected Unicode 14 (Python 3.11) and regex 2022.8.17")
    port, theirs = Port(folder), transformers_tokenizer(folder)
    rows = []
    for text in CASES + CUT:
        ids = port.encode(text)
        if (ids == theirs(text)["input_ids"]) == (text in CUT):
            sys.exit(f"tokenizer_cases.py: {text!r}: the port finds {ids}, transformers {theirs(text)['input_ids']}")
        rows.append(json.dumps({"text": text, "ids": ids}))
    with open(path, "w", encoding="ascii") as f:
        f.write("[\n" + ",\n".join(rows) + "\n]\n")


if __name__ == "__main__":
    main()
