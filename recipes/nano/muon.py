"""Muon (Jordan et al. 2024): momentum made orthogonal by Newton–Schulz steps, for hidden matrices; AdamW
for everything else."""

import torch


def orthogonal(g, steps=5):
    x = g / (g.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(steps):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr, momentum=0.95, weight_decay=0.05):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                m = state["momentum"].mul_(group["momentum"]).add_(p.grad)
                update = orthogonal(p.grad + group["momentum"] * m)
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-group["lr"] * 0.2 * max(p.shape) ** 0.5)


def optimizers(named, lr, scale=lambda name: 1.0):
    """[Muon, AdamW] over named parameters; `scale` of a name multiplies its learning rate."""
    hidden, rest = [], []
    for name, p in named:
        matrix = p.ndim == 2 and "embed" not in name and "lm_head" not in name and "head." not in name
        (hidden if matrix else rest).append(dict(params=[p], lr=lr * scale(name), peak=lr * scale(name)))
    return [Muon(hidden, lr), torch.optim.AdamW(rest, lr, betas=(0.9, 0.95), weight_decay=0.05)]


def set_rate(optimizers, factor):
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
