"""Muon (Jordan et al. 2024): momentum made orthogonal by Newton–Schulz steps, for hidden matrices; AdamW
for everything else."""

import collections

import torch


def orthogonal(g, steps=5, dtype=torch.float32):
    """Matrices [N, rows, columns] → nearly the nearest orthogonal ones; bfloat16 is exact enough."""
    x = (g / (g.norm(dim=(1, 2), keepdim=True) + 1e-7)).to(dtype)
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2).contiguous() if tall else x
    for _ in range(steps):
        a = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x.transpose(1, 2) if tall else x).to(g.dtype)


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr, momentum=0.95, weight_decay=0.05, dtype=torch.float32):
        self.dtype = dtype  # of the Newton–Schulz steps
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        alike = collections.defaultdict(list)  # one call for all matrices of a shape
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    alike[p.shape].append((p, self._push(p, group["momentum"]), group))
        for shape, matrices in alike.items():
            updates = orthogonal(torch.stack([m for _, m, _ in matrices]), dtype=self.dtype)
            for (p, _, group), update in zip(matrices, updates):
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-group["lr"] * 0.2 * max(shape) ** 0.5)

    def _push(self, p, momentum):
        """The gradient with Nesterov momentum."""
        state = self.state[p]
        if not state:
            state["momentum"] = torch.zeros_like(p)
        m = state["momentum"].mul_(momentum).add_(p.grad)
        return p.grad + momentum * m


def optimizers(named, lr, scale=lambda name: 1.0, dtype=torch.float32):
    """[Muon, AdamW] over named parameters; `scale` of a name multiplies its learning rate."""
    hidden, rest = [], []
    for name, p in named:
        matrix = p.ndim == 2 and "embed" not in name and "lm_head" not in name and "head." not in name
        (hidden if matrix else rest).append(dict(params=[p], lr=lr * scale(name), peak=lr * scale(name)))
    return [Muon(hidden, lr, dtype=dtype), torch.optim.AdamW(rest, lr, betas=(0.9, 0.95), weight_decay=0.05)]


def set_rate(optimizers, factor):
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
