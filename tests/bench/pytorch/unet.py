"""Training speed of the temporal U-Net in PyTorch eager: steps a second, median of five blocks, on one thread.

    pip install torch==2.9.0 numpy safetensors
    python tests/bench/pytorch/unet.py [--threads 1] [--steps 30]

The network is that of the reference fixtures (dim 32, mults 1 2 4, horizon 32, 14 channels, batch 32); a step is noise, loss,
backward, clipping by the global norm, AdamW and the moving average of the weights.
"""

import argparse
import copy
import pathlib
import statistics
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "fixtures" / "pytorch"))
from reference import Unet, abar  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    net = Unet(14, 32, [1, 2, 4])
    ema = copy.deepcopy(net)
    adamw = torch.optim.AdamW(net.parameters(), lr=2e-4)
    data, bars = torch.randn(4096, 32, 14).clip(-1, 1), abar("cosine", 20).float()

    def step():
        x0 = data[torch.randint(len(data), (32,))]
        t = torch.randint(1, 21, (32,))
        eps = torch.randn_like(x0)
        bar = bars[t][:, None, None]
        loss = ((net(bar.sqrt() * x0 + (1 - bar).sqrt() * eps, t) - eps) ** 2).mean()
        adamw.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adamw.step()
        with torch.no_grad():
            for a, b in zip(ema.parameters(), net.parameters()):
                a.lerp_(b, 0.005)

    for _ in range(5):
        step()
    rates = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(options.steps):
            step()
        rates.append(options.steps / (time.perf_counter() - start))
    print(f"{statistics.median(rates):.2f}")


if __name__ == "__main__":
    main()
