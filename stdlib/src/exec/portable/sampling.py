"""Draws from a model of `networks.py` by the steps that its `config.json` lists, and compares its network with what was exported."""

import torch
from networks import Scaling


class Sampler:
    """The reverse process of a model, in the environment's units."""

    def __init__(self, model, config):
        self.model, self.config, self.scaling = model, config, Scaling(config["normaliser"])

    def output(self, x, t, first):
        """The network's output, led to the return that is asked for where the model has guidance."""
        net, guidance, when, ones = self.model.net, self.config["guidance"], torch.full((len(x),), t), torch.ones(len(x), 1)
        if guidance is None:
            return net(x, when, first)
        plain = net(x, when, first, 0 * ones, 0 * ones)
        return plain + guidance["weight"] * (net(x, when, first, guidance["target"] * ones, ones) - plain)

    @torch.no_grad()
    def draw(self, observations, goals=None):
        """Actions and observations [n, horizon, act + obs] (policies: actions alone) from observations [n, obs]; planners also end in goals [n, obs]."""
        config, act = self.config, self.config["act"]
        lead, bound = 0 if config["actions"] else act, config["bound"] or float("inf")
        first = self.scaling.apply(observations, act)

        def given(x):
            if config["plans"]:
                x[:, 0, lead:] = first
                if goals is not None and config["ends"]:
                    x[:, -1, lead:] = self.scaling.apply(goals, act)
            return x

        width = lead + config["obs"] if config["plans"] else act
        x, before = given(config["temperature"] * torch.randn(len(first), config["horizon"], width)), None
        for step in config["steps"]:
            clean = (step["of_input"] * x + step["of_output"] * self.output(x, step["from"], first)).clamp(-bound, bound)
            mean = step["of_sample"] * clean + step["of_previous"] * (clean if before is None else before) + step["of_noisy"] * x
            x, before = given(mean + config["temperature"] * step["sigma"] * torch.randn_like(x)), clean
        if config["actions"]:
            between = self.model.inv_model(torch.cat([x[:, :-1], x[:, 1:]], 2))
            x = torch.cat([torch.cat([between, between[:, -1:]], 1), x], 2)
        return self.scaling.invert(x)

    @torch.no_grad()
    def check(self):
        """The observations [n, obs] of the export's check, after its outputs were found here too; they differ by less than 1e-5 of the largest."""
        # In double precision, where the sum over so many numbers is not in doubt.
        seen = {k: torch.tensor(v).double() for k, v in self.config["check"].items() if k != "t"}
        told = [seen["value"], torch.ones_like(seen["value"])] if "value" in seen else []
        found = self.model.double().net(seen["x"], torch.tensor(self.config["check"]["t"]), seen["observation"], *told)
        self.model.float()
        gap = ((found - seen["output"]).abs().max() / seen["output"].abs().max()).item()
        print(f"outputs differ by {gap:.1e} of the largest")
        assert gap < 1e-5
        return self.scaling.invert(seen["observation"].float(), self.config["act"])
