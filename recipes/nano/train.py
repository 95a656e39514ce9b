"""Trains nano: `python3 train.py --out out --minutes 90`. Run it again to go on where it stopped.

Two stages on the clock (what a machine cannot do in the time it does not do): the picture encoder alone
on dense labels, then the whole model on conversations. On a processor one process a core averages gradients
through shared memory, which is about twice as fast as threads; a GPU is used alone where there is one.
"""

import argparse
import math
import os
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read at import; a process a core needs no threads of its own

import numpy as np
import torch
import torch.multiprocessing as mp
from torch import nn
from torch.nn import functional as F

import batches
import draw
import muon
import scenes
import tokenizer as bpe
from model import CONFIG, SmolVLM, structured_start

SEED = 20261123
ENCODER_SHARE = 0.35  # of the time
BATCH = {"encoder": 32, "whole": 32}  # pictures a step, all processes together
RATE = {"encoder": 1.5e-3, "whole": 1.5e-3}
PATIENCE = 3600  # seconds that one process waits for another
DENSE_WEIGHT = 0.2  # of the dense labels' loss in the second stage
ENCODER_RATE = 0.8  # of the learning rate, for the encoder in the second stage


def has_bf16(device):
    """Whether matrices are multiplied much faster in bfloat16 here (2.4 times on AVX512_BF16)."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    try:
        with open("/proc/cpuinfo") as f:
            return "avx512_bf16" in f.read()
    except OSError:
        return False


class DenseHeads(nn.Module):
    """Linear heads on patches, dropped after training."""

    LOSS = {"character": 1.5, "background": 0.3}

    def __init__(self):
        super().__init__()
        self.head = nn.ModuleDict({n: nn.Linear(CONFIG["width"], k) for n, k in draw.LABELS.items()})
        self.offset = nn.Linear(CONFIG["width"], 2)

    def forward(self, patches, labels, offsets):
        """The loss, and the share of right answers by label."""
        total, right = 0.0, {}
        for name, head in self.head.items():
            want = labels[name].flatten()
            asked = want >= 0
            if not asked.any():
                continue
            out, want = head(patches.flatten(0, 1)[asked]), want[asked]
            weight = None
            if name == "kind":
                weight = torch.ones(out.shape[1], device=out.device)
                weight[-1] = 0.15
            total = total + self.LOSS.get(name, 1.0) * F.cross_entropy(out, want, weight)
            hit = out.argmax(-1) == want
            right[name] = (hit[want < out.shape[1] - 1] if name == "kind" else hit).float().mean().item()
        place = labels["kind"].flatten()
        owned = (place >= 0) & (place < len(draw.KINDS) - 1)
        if owned.any():
            off = self.offset(patches.flatten(0, 1)[owned])
            total = total + F.smooth_l1_loss(off, offsets.flatten(0, 1)[owned])
        return total, right


class Averager:
    """Gradients of all processes, averaged through one shared block."""

    def __init__(self, world, size):
        self.world = world
        self.slots = torch.zeros(world, size).share_memory_() if world > 1 else None
        self.barrier = mp.get_context("spawn").Barrier(world) if world > 1 else None
        self.progress = torch.zeros(1, dtype=torch.float64).share_memory_()

    def average(self, rank, params):
        if self.world == 1:
            return
        at = 0
        for p in params:
            n = p.numel()
            self.slots[rank, at : at + n] = 0 if p.grad is None else p.grad.flatten()
            at += n
        self.barrier.wait(PATIENCE)
        mean, at = self.slots.mean(0), 0
        for p in params:
            p.grad = mean[at : at + p.numel()].view_as(p)
            at += p.numel()
        self.barrier.wait(PATIENCE)


class Run:
    """Model, optimisers and clock of one process; all processes hold the same weights."""

    def __init__(self, rank, averager, args):
        self.rank, self.averager, self.args = rank, averager, args
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.bf16 = has_bf16(self.device)
        self.tokenizer = bpe.load(os.path.join(args.out, "tokenizer.json"))
        torch.manual_seed(SEED)
        self.model = SmolVLM(len(self.tokenizer))
        rng = np.random.default_rng(SEED)
        pictures = np.stack([draw.render(scenes.sample(rng, fonts=draw.TRAINING_FONTS), rng) for _ in range(200)])
        structured_start(self.model, pictures)
        self.heads = DenseHeads()
        self.model.to(self.device), self.heads.to(self.device)
        self.stage, self.step, self.elapsed = "encoder", 0, 0.0
        self.begin(self.stage)
        self.path = os.path.join(args.out, "checkpoint.pt")
        if os.path.exists(self.path):
            self.restore()

    def named(self):
        parts = [("model.", self.model), ("dense.", self.heads)]
        named = [(prefix + n, p) for prefix, part in parts for n, p in part.named_parameters()]
        if self.stage == "encoder":
            named = [(n, p) for n, p in named if "vision_model" in n or n.startswith("dense.")]
        return named

    def begin(self, stage):
        self.stage = stage
        slow = lambda n: ENCODER_RATE if stage == "whole" and ("vision_model" in n or n.startswith("dense.")) else 1.0
        self.optimizers = muon.optimizers(self.named(), RATE[stage], slow,
                                          torch.bfloat16 if self.bf16 else torch.float32)
        self.params = [p for _, p in self.named()]

    def save(self):
        state = dict(stage=self.stage, step=self.step, elapsed=self.elapsed, model=self.model.state_dict(),
                     heads=self.heads.state_dict(), optimizers=[o.state_dict() for o in self.optimizers])
        torch.save(state, self.path + ".new")
        os.replace(self.path + ".new", self.path)

    def restore(self):
        state = torch.load(self.path, map_location=self.device)
        self.begin(state["stage"])
        self.step, self.elapsed = state["step"], state["elapsed"]
        self.model.load_state_dict(state["model"]), self.heads.load_state_dict(state["heads"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"]):
            peaks = [group["peak"] for group in optimizer.param_groups]
            optimizer.load_state_dict(saved)
            for group, peak in zip(optimizer.param_groups, peaks):  # rates are the recipe's, not the checkpoint's
                group["peak"] = peak

    def loss(self, progress):
        rng = np.random.default_rng([SEED, self.stage == "whole", self.step, self.rank])
        count = BATCH[self.stage] // self.averager.world
        level = min(1.0, progress / 0.15)
        if self.stage == "encoder":
            pixels, labels, offsets = batches.dense(rng, count, level)
        else:
            pixels, labels, offsets, ids, positions, mask, targets, weights = batches.conversations(
                rng, count, self.tokenizer, level)
        to = lambda t: t.to(self.device)
        half = torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.bf16)
        with half:
            patches = self.model.see(to(pixels))
        loss, right = self.heads(patches, {n: to(l) for n, l in labels.items()}, to(offsets))
        if self.stage == "encoder":
            return loss, right
        with half:
            hidden = self.model.read(patches, to(ids), to(positions), to(mask))
        asked = targets >= 0
        logits = self.model.lm_head(hidden[to(asked)])
        want = to(targets[asked])
        each = F.cross_entropy(logits, want, reduction="none")
        right["token"] = (logits.argmax(-1) == want).float().mean().item()
        return (each * to(weights[asked])).sum() + DENSE_WEIGHT * loss, right

    def train(self, stage, seconds, before):
        """Steps until `seconds` of running time are spent in this stage."""
        if self.stage != stage:
            self.begin(stage)
            self.step = 0
        shown, saved, sums, steps = time.time(), time.time(), {}, 0
        while True:
            if self.rank == 0:
                self.averager.progress[0] = (self.elapsed - before) / seconds
            if self.averager.barrier:
                self.averager.barrier.wait(PATIENCE)
            progress = float(self.averager.progress[0])
            if progress >= 1:
                break
            started = time.time()
            rate = min(1.0, (self.step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
            muon.set_rate(self.optimizers, rate)
            for p in self.params:
                p.grad = None
            loss, right = self.loss(progress)
            loss.backward()
            self.averager.average(self.rank, self.params)
            torch.nn.utils.clip_grad_norm_(self.params, 1.0)
            for optimizer in self.optimizers:
                optimizer.step()
            self.step += 1
            self.elapsed += min(time.time() - started, 30.0)  # a stopped machine is no training time
            right["loss"], steps = loss.item(), steps + 1
            for name, value in right.items():
                total, n = sums.get(name, (0.0, 0))
                sums[name] = total + value, n + 1
            if self.rank == 0 and time.time() - shown > 60:
                facts = "  ".join(f"{n} {t / c:.3f}" for n, (t, c) in sums.items())
                print(f"{stage}  {self.elapsed / 60:.1f} min  step {self.step}  "
                      f"{steps * BATCH[stage] / (time.time() - shown):.0f} pictures/s  {facts}", flush=True)
                shown, sums, steps = time.time(), {}, 0
            if self.rank == 0 and time.time() - saved > 180:
                self.save()
                saved = time.time()


def work(rank, averager, args):
    torch.set_num_threads(1 if averager.world > 1 else max(1, os.cpu_count() or 1))
    run = Run(rank, averager, args)
    first = args.minutes * 60 * ENCODER_SHARE
    if run.stage == "encoder":
        run.train("encoder", first, 0.0)
        if rank == 0:
            run.save()
    run.train("whole", args.minutes * 60 - first, first)
    if rank == 0:
        run.save()
        print("trained", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="out")
    parser.add_argument("--minutes", type=float, default=150)
    parser.add_argument("--processes", type=int, default=0, help="0: one a core")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    vocabulary = os.path.join(args.out, "tokenizer.json")
    if not os.path.exists(vocabulary):
        bpe.train(bpe.corpus()).save(vocabulary)
    world = 1 if torch.cuda.is_available() else args.processes or os.cpu_count() or 1
    size = sum(p.numel() for p in SmolVLM(len(bpe.load(vocabulary))).parameters())
    size += sum(p.numel() for p in DenseHeads().parameters())
    averager = Averager(world, size)
    if world == 1:
        work(0, averager, args)
    else:
        mp.spawn(work, (averager, args), nprocs=world)


if __name__ == "__main__":
    main()
