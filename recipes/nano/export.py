"""Writes a trained checkpoint as a Hugging Face directory, with samples: 20 held-out pictures, what is asked
of them, and PyTorch's own logits for the first token of each answer.

Matrices are rounded to what Q8_0 can hold, so the quantised file is the same model to the last bit and
PyTorch's logits are its reference too."""

import argparse
import json
import os
import struct

import numpy as np
import torch
from PIL import Image

import batches
import draw
import questions
import scenes
import tokenizer as bpe
from model import CONFIG, IMAGE_TOKENS, SmolVLM
from train import SEED

TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}"
    "{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}")


def configs(vocab):
    c = CONFIG
    head = c["width"] // c["text_heads"]
    vision = dict(model_type="smolvlm_vision", hidden_size=c["width"], intermediate_size=c["vision_mlp"],
                  num_hidden_layers=c["vision_layers"], num_attention_heads=c["vision_heads"], image_size=draw.SIDE,
                  patch_size=draw.PATCH, num_channels=3, hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-6,
                  attention_dropout=0.0)
    text = dict(model_type="llama", vocab_size=vocab, hidden_size=c["width"], intermediate_size=c["text_mlp"],
                num_hidden_layers=c["text_layers"], num_attention_heads=c["text_heads"],
                num_key_value_heads=c["text_kv_heads"], head_dim=head, hidden_act="silu", rms_norm_eps=1e-5,
                rope_theta=c["theta"], max_position_embeddings=512, attention_bias=False, mlp_bias=False,
                tie_word_embeddings=False, bos_token_id=1, eos_token_id=6, pad_token_id=2)
    edge = {"longest_edge": draw.SIDE}
    return {
        "config.json": dict(architectures=["SmolVLMForConditionalGeneration"], model_type="smolvlm", image_token_id=3,
                            scale_factor=c["shuffle"], pad_token_id=2, tie_word_embeddings=False,
                            torch_dtype="float32", use_cache=True, vocab_size=vocab, vision_config=vision,
                            text_config=text),
        "preprocessor_config.json": dict(image_processor_type="SmolVLMImageProcessor", do_convert_rgb=True,
                                         do_resize=True, size=edge, resample=1, do_image_splitting=False,
                                         max_image_size=edge, do_rescale=True, rescale_factor=1 / 255,
                                         do_normalize=True, image_mean=[0.5] * 3, image_std=[0.5] * 3, do_pad=True),
        "processor_config.json": dict(processor_class="SmolVLMProcessor", image_seq_len=IMAGE_TOKENS),
        "generation_config.json": dict(bos_token_id=1, eos_token_id=6, pad_token_id=2),
        "tokenizer_config.json": dict(tokenizer_class="GPT2Tokenizer", bos_token="<|im_start|>",
                                      eos_token="<end_of_utterance>", pad_token="<|im_end|>",
                                      unk_token="<|endoftext|>", add_prefix_space=False,
                                      clean_up_tokenization_spaces=False, model_max_length=512),
        "chat_template.json": dict(chat_template=TEMPLATE)}


def write_safetensors(path, tensors):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        size = tensors[name].numel() * 4
        header[name] = dict(dtype="F32", shape=list(tensors[name].shape), data_offsets=[at, at + size])
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(tensors):
            f.write(tensors[name].contiguous().numpy().astype("<f4").tobytes())


def q8_0(x):
    """x [n, …] rounded to blocks of 32 along a row: a scale of half precision times codes of 8 bits."""
    rows = x.flatten(1)
    if rows.shape[1] % 32:
        return x
    blocks = rows.reshape(-1, 32)
    scale = blocks.abs().amax(1, keepdim=True) / 127
    codes = torch.where(scale > 0, blocks / scale, blocks).round()
    return (codes * scale.half().float()).view_as(x)


@torch.no_grad()
def answer(model, tokenizer, picture, question, most=40):
    """Greedy text, prompt ids, answer ids, and the logits of the first answer token."""
    pixels = batches.pixels_of([picture])
    ask = batches.turn(tokenizer, question, "")[0]
    prompt = batches.prefix(tokenizer) + ask[: -len(tokenizer.encode(" ")) - 1]
    patches, made, first = model.see(pixels), [], None
    while len(made) < most:
        ids = torch.tensor([prompt + made])
        mask = torch.full((ids.shape[1],) * 2, -1e9).triu(1)[None, None]
        hidden = model.read(patches, ids, torch.arange(ids.shape[1])[None], mask)
        row = model.lm_head(hidden[0, -1])
        first = row if first is None else first
        token = int(row.argmax())
        if token == batches.END:
            break
        made.append(token)
    return tokenizer.decode(made).strip(), prompt, made, first


def write_samples(folder, model, tokenizer, count=20):
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(SEED + 1)
    listing, rows = [], []
    for i in range(count):
        kind = ["things", "text", "bars"][i % 3] if i % 5 else "things"
        scene = scenes.sample(rng, fonts=draw.TRAINING_FONTS, kind=kind)
        picture = draw.render(scene, rng)
        Image.fromarray(picture).save(f"{folder}/{i:02}.png")
        turns = []
        for kind, question, expected in questions.questions(scene, rng, plain=True)[:7]:
            text, prompt, made, logits = answer(model, tokenizer, picture, question)
            turns.append(dict(kind=kind, question=question, expected=expected, answer=text, prompt_ids=prompt,
                              answer_ids=made, logits_row=len(rows)))
            rows.append(logits.numpy())
        listing.append(dict(picture=f"{i:02}.png", turns=turns))
    with open(f"{folder}/samples.json", "w") as f:
        json.dump(listing, f, indent=1)
    np.save(f"{folder}/first-logits.npy", np.stack(rows).astype("<f4"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="out", help="where train.py left its checkpoint")
    parser.add_argument("--to", default="out/nano")
    args = parser.parse_args()
    os.makedirs(args.to, exist_ok=True)
    tokenizer = bpe.load(f"{args.out}/tokenizer.json")
    model = SmolVLM(len(tokenizer))
    model.load_state_dict(torch.load(f"{args.out}/checkpoint.pt", map_location="cpu")["model"])
    model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.copy_(q8_0(parameter))
    for name, content in configs(len(tokenizer)).items():
        with open(f"{args.to}/{name}", "w") as f:
            json.dump(content, f, indent=1)
    tokenizer.save(f"{args.to}/tokenizer.json")
    write_safetensors(f"{args.to}/model.safetensors", model.state_dict())
    write_samples(f"{args.to}/samples", model, tokenizer)


if __name__ == "__main__":
    main()
