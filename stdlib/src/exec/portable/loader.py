"""Draws plans from the model in this folder: `python loader.py` checks it and prints one.  Needs torch and safetensors."""

import json
import pathlib

import torch
from networks import Model, Scaling
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).resolve().parent
config = json.loads((HERE / "config.json").read_text())
model = Model(config).load(load_file(HERE / "weights.safetensors"))
scaling, act, obs = Scaling(config["normaliser"]), config["act"], config["obs"]


def output(x, t, first):
    """The network's output, led to the return that is asked for where the model has guidance."""
    guidance, when, ones = config["guidance"], torch.full((len(x),), t), torch.ones(len(x), 1)
    if guidance is None:
        return model.net(x, when, first)
    plain = model.net(x, when, first, 0 * ones, 0 * ones)
    return plain + guidance["weight"] * (model.net(x, when, first, guidance["target"] * ones, ones) - plain)


@torch.no_grad()
def draw(observations, goals=None):
    """Actions and observations [n, horizon, act + obs] (policies: actions alone) in the environment's units, from observations [n, obs]."""
    lead = 0 if config["actions"] else act
    first = scaling.apply(observations, act)
    x = config["temperature"] * torch.randn(len(first), config["horizon"], lead + obs if config["plans"] else act)
    bound, before = config["bound"] or float("inf"), None

    def given(x):
        if config["plans"]:
            x[:, 0, lead:] = first
            if goals is not None and config["ends"]:
                x[:, -1, lead:] = scaling.apply(goals, act)
        return x

    x = given(x)
    for step in config["steps"]:
        clean = (step["of_input"] * x + step["of_output"] * output(x, step["from"], first)).clamp(-bound, bound)
        mean = step["of_sample"] * clean + step["of_previous"] * (clean if before is None else before) + step["of_noisy"] * x
        x, before = given(mean + config["temperature"] * step["sigma"] * torch.randn_like(x)), clean
    if config["actions"]:
        between = model.inv_model(torch.cat([x[:, :-1], x[:, 1:]], 2))
        x = torch.cat([torch.cat([between, between[:, -1:]], 1), x], 2)
    return scaling.invert(x)


if __name__ == "__main__":
    # In double precision, where the sum over so many numbers is not in doubt.
    seen = {k: torch.tensor(v).double() for k, v in config["check"].items() if k != "t"}
    told = [seen["value"], torch.ones_like(seen["value"])] if "value" in seen else []
    with torch.no_grad():
        found = model.double().net(seen["x"], torch.tensor(config["check"]["t"]), seen["observation"], *told)
    gap = ((found - seen["output"]).abs().max() / seen["output"].abs().max()).item()
    print(f"outputs differ by {gap:.1e} of the largest")
    assert gap < 1e-5
    model.float()
    goals = torch.tensor([config["goal"]]) if config["goal"] else None
    print(draw(scaling.invert(seen["observation"][:1].float(), act), goals)[0, 0])
