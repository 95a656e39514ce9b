"""Training examples: pictures with dense labels, and all turns about a picture behind one prefix."""

import numpy as np
import torch

import draw
import questions
import scenes
from model import IMAGE_TOKENS

END, IMAGE, FAKE, GLOBAL, START = 6, 3, 4, 5, 1
# Of a turn's loss: long answers are the hardest, what is nearly always right teaches little.
WEIGHTS = {"read": 2.0, "describe": 4.0, "chart": 2.0, "describe_text": 1.5, "background": 0.5, "text_color": 0.5}


def pixels_of(pictures):
    """u8 [N, side, side, 3] → f32 [N, 3, side, side] in −1 … 1, as the image processor does."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def dense(rng, count, level=1.0):
    """(pixels, {label: int64 [count, patches]}, offsets [count, patches, 2])."""
    pictures, labels, offsets = [], [], []
    for _ in range(count):
        scene = scenes.sample(rng, level, fonts=draw.TRAINING_FONTS)
        pictures.append(draw.render(scene, rng))
        label, offset = draw.dense_labels(scene)
        labels.append(label), offsets.append(offset)
    stacked = {name: torch.from_numpy(np.stack([l[name] for l in labels])) for name in draw.LABELS}
    return pixels_of(pictures), stacked, torch.from_numpy(np.stack(offsets))


def prefix(tokenizer):
    """Ids of the prompt up to the question: the chat template's user turn with one global tile."""
    return [START] + tokenizer.encode("User:") + [FAKE, GLOBAL] + [IMAGE] * IMAGE_TOKENS + [FAKE]


def turn(tokenizer, question, answer):
    """Ids of question and answer, and how many of them are the answer (with its end)."""
    ask = tokenizer.encode(question) + [END] + tokenizer.encode("\n") + tokenizer.encode("Assistant:")
    reply = tokenizer.encode(" " + answer) + [END]
    return ask + reply, len(reply)


def conversations(rng, count, tokenizer, level=1.0):
    """Everything asked of `count` pictures. A turn sees the prefix and itself only, and its positions
    go on from the prefix: as if each had been asked first."""
    pictures, labels, offsets, rows = [], [], [], []
    head = prefix(tokenizer)
    for _ in range(count):
        scene = scenes.sample(rng, level, fonts=draw.TRAINING_FONTS)
        pictures.append(draw.render(scene, rng))
        label, offset = draw.dense_labels(scene)
        labels.append(label), offsets.append(offset)
        asked = questions.questions(scene, rng)
        asked = [asked[i] for i in rng.permutation(len(asked))[:8]]
        rows.append([(kind, *turn(tokenizer, q, a)) for kind, q, a in asked])
    length = max(len(head) + sum(len(ids) for _, ids, _ in row) for row in rows)
    ids = torch.full((count, length), 2, dtype=torch.long)
    positions = torch.zeros(count, length, dtype=torch.long)
    group = torch.full((count, length), -1, dtype=torch.long)  # 0: prefix, then a number a turn
    targets = torch.full((count, length), -1, dtype=torch.long)
    weights = torch.zeros(count, length)
    for b, row in enumerate(rows):
        ids[b, : len(head)] = torch.tensor(head)
        positions[b, : len(head)] = torch.arange(len(head))
        group[b, : len(head)] = 0
        at = len(head)
        for number, (kind, tokens, reply) in enumerate(row, 1):
            end = at + len(tokens)
            ids[b, at:end] = torch.tensor(tokens)
            positions[b, at:end] = torch.arange(len(head), len(head) + len(tokens))
            group[b, at:end] = number
            targets[b, end - reply - 1 : end - 1] = torch.tensor(tokens[-reply:])
            weights[b, end - reply - 1 : end - 1] = WEIGHTS.get(kind, 1.0) / reply
            at = end
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    visible = causal & ((group[:, :, None] == group[:, None, :]) | (group[:, None, :] == 0))
    visible |= torch.eye(length, dtype=torch.bool)
    mask = torch.zeros(count, 1, length, length).masked_fill_(~visible[:, None], -1e9)
    stacked = {name: torch.from_numpy(np.stack([l[name] for l in labels])) for name in draw.LABELS}
    return (pixels_of(pictures), stacked, torch.from_numpy(np.stack(offsets)), ids, positions, mask, targets,
            weights / weights.sum())
