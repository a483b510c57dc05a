"""The peer of `speed.py`: the same stages and the same sampling in PyTorch eager.

    python tests/bench/pytorch/speed.py stage unet walk.hdf5 300 [--threads 1] [--device cuda]    # steps a second of a whole stage
    python tests/bench/pytorch/speed.py sample unet 64 [--threads 1] [--device cuda]              # calls a second of the whole sampler

Networks are those of the reference fixtures (Diffuser's U-Net, Diffusion-QL's MLP).  A stage is windows cut from the arrays of a file, noise, loss,
backward, clipping by the global norm, AdamW, the moving average, a line of the log every ten steps, and at each evaluation a validation loss and a
checkpoint.  Where PyTorch has a faster way to do the same, it is used: fused AdamW, moving averages of all weights in one call, whole batches cut at
once in place of a loader's workers, and on a card the whole file lies there.  Reading the file and importing are not timed.
"""

import argparse
import copy
import json
import pathlib
import statistics
import sys
import tempfile
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "fixtures" / "pytorch"))
from reference import Critic, Policy, Unet, abar  # noqa: E402

OBS, ACT = 11, 3
NETS = {
    "unet": (lambda: Unet(OBS + ACT, 32, [1, 2, 4]), 32, 32, "cosine", 20),
    "long_unet": (lambda: Unet(OBS + ACT, 32, [1, 2, 4, 8]), 128, 32, "cosine", 20),
    "perceptron": (lambda: Policy(ACT, OBS, 256, 3), 1, 256, "vp", 5),
}


class Model:
    """A network and its chain; `x` is [n, horizon, numbers]."""

    def __init__(self, name, steps=None):
        make, self.horizon, self.batch, schedule, own = NETS[name]
        self.net, self.plans, self.steps = make(), name != "perceptron", steps or own
        self.bars = abar(schedule, self.steps).float()
        self.width = ACT + OBS if self.plans else ACT

    def given(self, x, obs):
        if self.plans:
            x[:, 0, ACT:] = obs
        return x

    def output(self, net, x, t, obs):
        return net(x, t) if self.plans else net(x, t, obs)

    def loss(self, net, x0, obs, t, noise):
        bar = self.bars[t][:, None, None]
        x = self.given(bar.sqrt() * x0 + (1 - bar).sqrt() * noise, obs)
        error = (self.output(net, x, t, obs) - noise) ** 2
        if self.plans:
            error = torch.cat([error[:, :1, :ACT].flatten(1), error[:, 1:].flatten(1)], 1)
        return error.mean()

    def sample(self, net, obs, stochastic):
        """The whole chain: DDIM without noise, or ancestral sampling."""
        x = self.given(torch.randn(len(obs), self.horizon, self.width), obs)
        for t in range(self.steps, 0, -1):
            bar, before = self.bars[t], self.bars[t - 1]
            eps = self.output(net, x, torch.full((len(obs),), t), obs)
            clean = ((x - (1 - bar).sqrt() * eps) / bar.sqrt()).clamp(-1, 1)
            if stochastic:
                beta = 1 - bar / before
                x = (before.sqrt() * beta * clean + (1 - beta).sqrt() * (1 - before) * x) / (1 - bar)
                if t > 1:
                    x = x + (beta * (1 - before) / (1 - bar)).sqrt() * torch.randn_like(x)
            else:
                eps = (x - bar.sqrt() * clean) / (1 - bar).sqrt()
                x = before.sqrt() * clean + (1 - before).sqrt() * eps
            x = self.given(x, obs)
        return x


class Windows:
    """Random windows of a file's episodes, scaled to [-1, 1]."""

    def __init__(self, path, horizon):
        import h5py

        with h5py.File(path) as f:
            here = torch.get_default_device()
            both = [torch.from_numpy(f[k][:]).to(here) for k in ("actions", "observations")]
            ends = torch.from_numpy(f["timeouts"][:] | f["terminals"][:]).to(here)
        rows = torch.cat(both, 1)
        low, high = rows.min(0).values, rows.max(0).values
        self.rows, self.horizon = 2 * (rows - low) / (high - low) - 1, torch.arange(horizon)
        ends = torch.nonzero(ends)[:, 0] + 1
        first = torch.cat([torch.zeros(1, dtype=torch.int64), ends[:-1]])
        starts = [torch.arange(a, b - horizon + 1) for a, b in zip(first, ends) if b - horizon >= a]
        held = max(1, len(starts) // 10)
        self.held, self.starts = torch.cat(starts[:held]), torch.cat(starts[held:])

    def draw(self, starts, n):
        at = starts[torch.randint(len(starts), (n,))]
        return self.rows[at[:, None] + self.horizon]


def stage(name, path, steps):
    rl = name == "rl"
    model = Model("perceptron" if rl else name)
    net, ema = model.net, copy.deepcopy(model.net)
    critic = Critic(OBS, ACT, 256, 3).requires_grad_(False) if rl else None
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-4, fused=True)
    data = Windows(path, model.horizon)
    held = data.draw(data.held, 256)
    times, noise = torch.randint(1, model.steps + 1, (256,)), torch.randn(256, model.horizon, model.width)
    # As `speed.align` says; each also draws four samples of four states, for their diversity.
    every = steps if name == "long_unet" else steps // 2

    def valid():
        with torch.no_grad():
            drawn = model.sample(ema, held[:4, 0, ACT:].repeat_interleave(4, 0), rl).reshape(4, 4, -1)
            apart = (drawn[:, :, None] - drawn[:, None]).square().mean(-1).sqrt().mean().item()
            return model.loss(ema, held[..., : model.width], held[:, 0, ACT:], times, noise).item(), apart

    def step():
        rows = data.draw(data.starts, model.batch)
        x0, obs = rows[..., : model.width], rows[:, 0, ACT:]
        t = torch.randint(1, model.steps + 1, (len(rows),))
        loss = model.loss(net, x0, obs, t, torch.randn_like(x0))
        if rl:
            act = model.sample(net, obs, True).clamp(-1, 1)[:, 0]
            both = torch.cat([obs, act], 1)
            value = torch.minimum(critic.q1(both), critic.q2(both))
            loss = loss - value.mean() / value.abs().mean().detach()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(ema.parameters()), list(net.parameters()), 0.005)
        return loss

    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/log", "w") as log:
        start = time.perf_counter()
        for i in range(1, steps + 1):
            loss = step()
            if i % 10 == 0:
                print(json.dumps({"step": i, "loss": loss.item()}), file=log, flush=True)
            if i % every == 0:
                print(json.dumps({"step": i, "valid.loss": valid()}), file=log, flush=True)
                torch.save({"model": net.state_dict(), "ema": ema.state_dict(), "optimiser": optimiser.state_dict()}, f"{folder}/{i}.pt")
        return steps / (time.perf_counter() - start)


@torch.no_grad()
def sample(name, batch):
    model = Model(name, 20)
    obs = torch.rand(batch, OBS) * 2 - 1

    def calls(seconds):
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            model.sample(model.net, obs, False).cpu().numpy()
            count += 1
        return count / (time.perf_counter() - start)

    calls(0.3)
    return statistics.median(calls(0.5) for _ in range(3))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["stage", "sample"])
    parser.add_argument("net")
    parser.add_argument("of", help="the file of a stage, or the batch of a sample")
    parser.add_argument("steps", nargs="?", type=int, default=300)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="what PyTorch calls it")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_default_device(options.device)
    torch.manual_seed(0)
    if options.what == "stage":
        print(stage(options.net, options.of, options.steps))
    else:
        print(sample(options.net, int(options.of)))


if __name__ == "__main__":
    main()
