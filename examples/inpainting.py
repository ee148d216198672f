"""Complete images of crosses from their top halves with an order-agnostic model, trained for half a minute.

Run: python examples/inpainting.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

import tensorar
from tensorar import plotting


def crosses(n: int, generator: torch.Generator) -> torch.Tensor:
    """Images (n, 1, 8, 8) with one full row and one full column."""
    rows, columns = torch.randint(8, (2, n, 1), generator=generator)
    index = torch.arange(8)
    return ((index == rows)[:, :, None] | (index == columns)[:, None, :]).float().unsqueeze(1)


def main(folder: Path, steps: int = 2000) -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    model = tensorar.build(event_shape=(1, 8, 8), ordering="shuffled", head="bernoulli", backbone="mlp:hidden=256")
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(crosses(128, generator)).backward()
        optimizer.step()
    original = crosses(4, generator)
    known = tensorar.region("top half", (1, 8, 8)).expand(original.shape)
    evidence = tensorar.Evidence(known, original)
    completed = model.eval().sample(evidence=evidence.repeat(5), generator=generator).unflatten(0, (4, 5))
    plotting.save(plotting.inpainting(original, evidence, completed), folder / "crosses.png")
    nats = -model.log_prob(crosses(500, generator)).mean()
    print(f"entropy of the data, uniform over 64 crosses: {torch.tensor(64.0).log():.2f} nats")
    print(f"negative log-likelihood of the model: {nats:.2f} nats; pictures in {folder / 'crosses.png'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
