"""A byte-level BPE of a few hundred tokens, trained on what the recipe's questions and answers say.

The file is an ordinary tokenizer.json (Digits + ByteLevel, as SmolVLM's own); encode() follows the
same rules, so that training sees the tokens that `hearth` will make.
"""

import collections
import json
import re

import numpy as np

import questions
import scenes

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<fake_token_around_image>",
            "<global-img>", "<end_of_utterance>"]
_WORDS = re.compile(r"'(?:s|t|re|ve|m|ll|d)| ?[A-Za-z]+| ?[0-9]| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")


def _byte_letters():
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters, extra = {}, 0
    for byte in range(256):
        if byte in plain:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(256 + extra)
            extra += 1
    return letters


_LETTERS = _byte_letters()


def _split(text):
    """Words in the alphabet of byte letters. Digits stand alone, without the space before them."""
    for part in re.split(r"([0-9])", text):
        for word in _WORDS.findall(part):
            yield "".join(_LETTERS[b] for b in word.encode())


def _merge(symbols, pair):
    out, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == pair:
            out.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


def corpus(pictures=3000, seed=7):
    """What is said about random pictures; codes and words are left out."""
    rng = np.random.default_rng(seed)
    text = []
    for _ in range(pictures):
        for kind, question, answer in questions.questions(scenes.sample(rng), rng):
            shown = answer if kind not in ("read", "letter", "describe_text") else " the text"
            text.append(f"User: {question}\nAssistant: {shown}\n")
    return text


def train(text, merges=220):
    counts = collections.Counter(word for line in text for word in _split(line))
    words = {word: list(word) for word in counts}
    made = []
    while len(made) < merges:
        pairs = collections.Counter()
        for word, symbols in words.items():
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += counts[word]
        # Capitals and digits stay tokens of their own: codes are read character by character.
        pairs = {p: n for p, n in pairs.items() if not any(c.isupper() for c in "".join(p) if c not in "Ġ")}
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        made.append(best)
        words = {word: _merge(symbols, best) for word, symbols in words.items()}
    return Tokenizer(made)


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        pieces = SPECIALS + sorted(_LETTERS.values()) + ["".join(m) for m in self.merges]
        self.ids = {piece: i for i, piece in enumerate(pieces)}
        self.pieces = pieces
        self._ranks = {m: i for i, m in enumerate(self.merges)}
        self._cache = {}

    def __len__(self):
        return len(self.pieces)

    def encode(self, text):
        """Token ids of plain text (no special token is recognised)."""
        out = []
        for word in _split(text):
            if word not in self._cache:
                symbols = list(word)
                while len(symbols) > 1:
                    ranked = [(self._ranks.get(p, 1 << 30), p) for p in zip(symbols, symbols[1:])]
                    rank, pair = min(ranked)
                    if rank == 1 << 30:
                        break
                    symbols = _merge(symbols, pair)
                self._cache[word] = [self.ids[s] for s in symbols]
            out += self._cache[word]
        return out

    def decode(self, ids):
        back = {letter: byte for byte, letter in _LETTERS.items()}
        return bytes(back[c] for i in ids if i >= len(SPECIALS) for c in self.pieces[i]).decode("utf-8", "replace")

    def save(self, path):
        level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        added = [{"id": i, "content": s, "single_word": False, "lstrip": False, "rstrip": False,
                  "normalized": False, "special": True} for i, s in enumerate(SPECIALS)]
        model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                 "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                 "vocab": self.ids, "merges": [" ".join(m) for m in self.merges]}
        whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
                 "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, level]},
                 "post_processor": None, "decoder": dict(level, add_prefix_space=True), "model": model}
        with open(path, "w") as f:
            json.dump(whole, f, indent=1, ensure_ascii=False)


def load(path):
    with open(path) as f:
        return Tokenizer([m.split(" ") for m in json.load(f)["model"]["merges"]])
