"""Draws from the model in this folder: `python loader.py` checks it and prints one action.  Needs torch and safetensors.

    from loader import load
    plans = load("planner").draw(observations)  # [n, horizon, act + obs] from [n, obs], in the environment's units
"""

import json
import pathlib

import torch
from networks import Model
from safetensors.torch import load_file
from sampling import Sampler

HERE = pathlib.Path(__file__).resolve().parent


def load(folder=HERE):
    """The model of a folder, ready to draw."""
    folder = pathlib.Path(folder)
    config = json.loads((folder / "config.json").read_text())
    return Sampler(Model(config).load(load_file(folder / "weights.safetensors")), config)


if __name__ == "__main__":
    sampler = load()
    goal = sampler.config["goal"]
    print(sampler.draw(sampler.check()[:1], torch.tensor([goal]) if goal else None)[0, 0])
