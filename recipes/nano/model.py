"""SmolVLM in miniature. Attribute names spell the tensors of a Hugging Face checkpoint, so a state_dict
is saved as it is."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from draw import GRID, PATCH, SIDE

CONFIG = dict(width=128, vision_layers=4, vision_heads=4, vision_mlp=512, shuffle=3,
              text_layers=4, text_heads=4, text_kv_heads=2, text_mlp=384, theta=10000.0)
IMAGE_TOKENS = (GRID // CONFIG["shuffle"]) ** 2


class VisionAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x):
        b, t, w = x.shape
        q, k, v = (p(x).view(b, t, self.heads, -1).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        weights = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1)
        return self.out_proj((weights @ v).transpose(1, 2).reshape(b, t, w))


class VisionMlp(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x):
        x = self.fc1(x)  # gelu_pytorch_tanh, written out: PyTorch 1.13 has a fast one
        return self.fc2(F.gelu(x, approximate="tanh"))


class VisionLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(c["width"], eps=1e-6)
        self.self_attn = VisionAttention(c["width"], c["vision_heads"])
        self.layer_norm2 = nn.LayerNorm(c["width"], eps=1e-6)
        self.mlp = VisionMlp(c["width"], c["vision_mlp"])

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class VisionModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embeddings = nn.Module()
        self.embeddings.patch_embedding = nn.Conv2d(3, c["width"], PATCH, PATCH)
        self.embeddings.position_embedding = nn.Embedding(GRID * GRID, c["width"])
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(VisionLayer(c) for _ in range(c["vision_layers"]))
        self.post_layernorm = nn.LayerNorm(c["width"], eps=1e-6)

    def forward(self, pixels):
        x = self.embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2)
        x = x + self.embeddings.position_embedding.weight
        for layer in self.encoder.layers:
            x = layer(x)
        return self.post_layernorm(x)


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


def turns(positions, size, theta):
    """Cosine and sine of every position's rotation, f32 [B, 1, T, size / 2] each."""
    half = size // 2
    angle = positions[:, None, :, None] * theta ** (-torch.arange(half, device=positions.device) / half)
    return angle.cos(), angle.sin()


def rotate(x, cosine, sine):
    a, b = x.chunk(2, -1)
    return torch.cat([a * cosine - b * sine, b * cosine + a * sine], -1)


class TextAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c, self.size = c, c["width"] // c["text_heads"]
        kv = self.size * c["text_kv_heads"]
        self.q_proj = nn.Linear(c["width"], c["width"], bias=False)
        self.k_proj, self.v_proj = nn.Linear(c["width"], kv, bias=False), nn.Linear(c["width"], kv, bias=False)
        self.o_proj = nn.Linear(c["width"], c["width"], bias=False)

    def forward(self, x, rotation, mask):
        b, t, w = x.shape
        heads = lambda y, n: y.view(b, t, n, self.size).transpose(1, 2)
        q = rotate(heads(self.q_proj(x), self.c["text_heads"]), *rotation)
        k = rotate(heads(self.k_proj(x), self.c["text_kv_heads"]), *rotation)
        v = heads(self.v_proj(x), self.c["text_kv_heads"])
        group = self.c["text_heads"] // self.c["text_kv_heads"]
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        weights = (q @ k.transpose(2, 3) / math.sqrt(self.size) + mask).softmax(-1)
        return self.o_proj((weights @ v).transpose(1, 2).reshape(b, t, w))


class TextMlp(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj = nn.Linear(c["width"], c["text_mlp"], bias=False)
        self.up_proj = nn.Linear(c["width"], c["text_mlp"], bias=False)
        self.down_proj = nn.Linear(c["text_mlp"], c["width"], bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class TextLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = RMSNorm(c["width"]), RMSNorm(c["width"])
        self.self_attn, self.mlp = TextAttention(c), TextMlp(c)

    def forward(self, x, rotation, mask):
        x = x + self.self_attn(self.input_layernorm(x), rotation, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class TextModel(nn.Module):
    def __init__(self, c, vocab):
        super().__init__()
        self.embed_tokens = nn.Embedding(vocab, c["width"])
        self.layers = nn.ModuleList(TextLayer(c) for _ in range(c["text_layers"]))
        self.norm = RMSNorm(c["width"])


class Connector(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.shuffle = c["shuffle"]
        self.modality_projection = nn.Module()
        self.modality_projection.proj = nn.Linear(c["width"] * c["shuffle"] ** 2, c["width"], bias=False)

    def forward(self, x):
        b, _, w = x.shape
        s, side = self.shuffle, GRID // self.shuffle
        x = x.view(b, side, s, side, s, w).permute(0, 1, 3, 2, 4, 5).reshape(b, side * side, s * s * w)
        return self.modality_projection.proj(x)


class SmolVLM(nn.Module):
    def __init__(self, vocab, c=CONFIG):
        super().__init__()
        self.model = nn.Module()
        self.model.vision_model = VisionModel(c)
        self.model.connector = Connector(c)
        self.model.text_model = TextModel(c, vocab)
        self.lm_head = nn.Linear(c["width"], vocab, bias=False)

    def see(self, pixels):
        """f32 [B, 3, side, side] in −1 … 1 → patches [B, patches, width]."""
        return self.model.vision_model(pixels)

    def read(self, patches, ids, positions, mask):
        """ids [B, T] with <image> (3) at the picture's places → hidden rows [B, T, width]."""
        x = self.model.text_model.embed_tokens(ids)
        rows = self.model.connector(patches)
        place = ids == 3
        x = x.masked_scatter(place[..., None], rows.to(x.dtype)) if place.any() else x
        rotation = turns(positions, CONFIG["width"] // CONFIG["text_heads"], CONFIG["theta"])
        for layer in self.model.text_model.layers:
            x = layer(x, rotation, mask)
        return self.model.text_model.norm(x)


def structured_start(model, pictures):
    """Ordinary weights, a good place to begin (see README): the patch embedding whitens patches, positions
    are sines, and heads of the first layers look at one fixed neighbour each. `pictures`: u8 [N, side, side, 3]."""
    width = CONFIG["width"]
    split = width * 3 // 4
    vision = model.model.vision_model
    x = torch.tensor(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    patches = F.unfold(x, PATCH, stride=PATCH).transpose(1, 2).reshape(-1, 3 * PATCH * PATCH)
    mean = patches.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov((patches - mean).T))
    order = values.argsort(descending=True)[:split]
    whiten = (vectors[:, order] / (values[order] + 1e-3).sqrt()).T
    with torch.no_grad():
        conv = vision.embeddings.patch_embedding
        conv.weight.zero_(), conv.bias.zero_()
        conv.weight[:split] = whiten.view(split, 3, PATCH, PATCH)
        conv.bias[:split] = -(whiten @ mean)
        place = torch.arange(GRID * GRID)
        coordinates = torch.stack([place % GRID, place // GRID], 1).float()
        frequencies = math.pi / GRID * torch.tensor([0.5, 1, 2, 3, 4, 5, 6, 8.0])[: (width - split) // 4]
        angles = coordinates[:, :, None] * frequencies
        waves = torch.cat([angles.sin(), angles.cos()], -1).reshape(GRID * GRID, -1)
        vision.embeddings.position_embedding.weight.normal_(0, 0.02)
        vision.embeddings.position_embedding.weight[:, split : split + waves.shape[1]] = waves
        steps = [[(1, 0), (-1, 0), (0, 1), (0, -1)], [(1, 1), (-1, 1), (1, -1), (-1, -1)],
                 [(2, 0), (-2, 0), (0, 2), (0, -2)]]
        size = width // CONFIG["vision_heads"]
        n = len(frequencies)
        for layer, offsets in zip(vision.encoder.layers, steps):
            q, k = layer.self_attn.q_proj, layer.self_attn.k_proj
            q.weight.normal_(0, 0.02), k.weight.normal_(0, 0.02)
            for head, (dx, dy) in enumerate(offsets):
                # q·k = Σ cos(f·(p_k − p_q − offset)): largest at the neighbour.
                for axis, step in enumerate((dx, dy)):
                    for i, f in enumerate(frequencies):
                        sine, cosine = split + axis * 2 * n + i, split + axis * 2 * n + n + i
                        row = head * size + (axis * n + i) * 2
                        if (axis * n + i) * 2 + 1 >= size:
                            continue
                        c, s = math.cos(f * step), math.sin(f * step)
                        gain = 1.6
                        q.weight[row, sine], q.weight[row, cosine] = gain * c, gain * s
                        q.weight[row + 1, cosine], q.weight[row + 1, sine] = gain * c, -gain * s
                        k.weight[row, sine], k.weight[row + 1, cosine] = gain, gain
