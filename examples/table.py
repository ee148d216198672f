"""Anomaly detection: the exact log-likelihood of each row under a model of the table.

Run: python examples/table.py
"""

from __future__ import annotations

import torch

import tensorar


def table(n: int, generator: torch.Generator) -> torch.Tensor:
    """Rows (x, y, x * y plus a little noise) with standard normal x and y."""
    x, y = torch.randn(2, n, generator=generator)
    return torch.stack([x, y, x * y + 0.1 * torch.randn(n, generator=generator)], dim=1)


def main(steps: int = 1500) -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    model = tensorar.build(event_shape=(3,), ordering="raster", head="gaussian_mixture", backbone="mlp:hidden=128")
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(table(256, generator)).backward()
        optimizer.step()
    normal, anomalous = table(5, generator), torch.tensor([[1.0, 1.0, -1.0], [0.0, 2.0, 2.0]])
    print("log-likelihoods of normal rows:   ", [round(v, 1) for v in model.log_prob(normal).tolist()])
    print("log-likelihoods of anomalous rows:", [round(v, 1) for v in model.log_prob(anomalous).tolist()])


if __name__ == "__main__":
    main()
