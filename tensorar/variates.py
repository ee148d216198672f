"""Random variates that torch draws by rejection, as functions of a fixed number of uniform numbers per variate.

torch's samplers take a variable number of random numbers from one stream, so that a sample depends on how many were
drawn before it. Here each variate has noise of its own: rejection continues in a stream that this noise seeds.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar.utils.precision import in_float64

# the constants of splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014),
# as signed numbers
GOLDEN_GAMMA = -7046029254386353131
FIRST_FACTOR = -4658895280553007687
SECOND_FACTOR = -7723592293110705685
# a proposal is accepted with a probability of at least 0.95 (Marsaglia and Tsang 2000)
PROPOSALS_PER_ROUND = 4
MAX_PROPOSALS = 64


def student_t(df: Float[Tensor, "..."], noise: Float[Tensor, "*batch 2"]) -> Float[Tensor, "..."]:
    """A standard Student t variate, from two uniform numbers: Bailey 1994, "Polar generation of random variates"."""
    df, noise = in_float64(df), in_float64(noise)
    radius = (df * torch.expm1(-2 / df * noise[..., 0].log())).sqrt()
    variate: Tensor = radius * (2 * math.pi * noise[..., 1]).cos()
    return variate


def beta(
    one: Float[Tensor, "..."], zero: Float[Tensor, "..."], noise: Float[Tensor, "*batch 2"]
) -> Float[Tensor, "..."]:
    """A beta variate with these concentrations: the share of one gamma variate in the sum of two."""
    both = torch.stack(torch.broadcast_tensors(one, zero))
    numerator, other = _log_gamma(both, torch.stack([seeds(noise, stream=k) for k in (1, 2)]))
    share: Tensor = (numerator - other).sigmoid()
    return share


def log_gamma(concentration: Float[Tensor, "..."], noise: Float[Tensor, "*batch 2"]) -> Float[Tensor, "..."]:
    """The logarithm of a gamma variate of unit rate; float64.

    Marsaglia and Tsang 2000, "A simple method for generating gamma variables". Concentrations below 1 are raised by 1
    and corrected by a power of a uniform number (section 6).
    """
    return _log_gamma(concentration, seeds(noise))


def _log_gamma(concentration: Tensor, seed: Tensor) -> Tensor:
    concentration, seed = torch.broadcast_tensors(in_float64(concentration), seed)
    small = concentration < 1
    d = concentration + small.double() - 1 / 3
    log_variate, pending = d.log(), concentration.isfinite() & (concentration > 0)
    for first in range(0, MAX_PROPOSALS, PROPOSALS_PER_ROUND):
        uniforms = _uniforms(seed, first)
        proposals, accepted = _proposals(d, *uniforms[:3])
        proposal = proposals.gather(0, accepted.int().argmax(0, keepdim=True))[0]
        found = pending & accepted.any(0)
        log_variate, pending = torch.where(found, proposal, log_variate), pending & ~found
        if not first:
            boost = uniforms[3, 0].log() / concentration
        if not bool(pending.any()):
            break
    return torch.where(small, log_variate + boost, log_variate)


def _uniforms(seed: Tensor, first: int) -> Tensor:
    """Four uniform numbers for each proposal of a round, ``(4, proposals, *batch)``, by one operation."""
    index = torch.arange(4 * first, 4 * (first + PROPOSALS_PER_ROUND), device=seed.device)
    return stream_uniform(seed, index.reshape(4, -1, *[1] * seed.ndim))


def _proposals(d: Tensor, radius: Tensor, angle: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithms of some proposed variates, ``(proposals, *batch)``, and which are accepted."""
    normal = (-2 * radius.log()).sqrt() * (2 * math.pi * angle).cos()
    root = normal / (9 * d).sqrt()
    log_cube = 3 * torch.log1p(root.clamp(min=-1))
    cube_minus_one = root * (3 + root * (3 + root))
    accepted = (root > -1) & (u.log() < normal**2 / 2 + d * (log_cube - cube_minus_one))
    return d.log() + log_cube, accepted


def poisson(rate: Float[Tensor, "..."], noise: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The inverse CDF of the Poisson distribution, by bisection; float64."""
    rate, noise = torch.broadcast_tensors(in_float64(rate).clamp(max=2.0**100), in_float64(noise))
    low, high = _bracket(rate, noise)
    steps = math.ceil(math.log2(float((high - low).detach().nan_to_num().max()) + 1)) if rate.numel() else 0
    for _ in range(steps):
        middle = ((low + high) / 2).floor()
        exceeds = _cdf_exceeds(middle, rate, noise)
        low, high = torch.where(exceeds, low, middle), torch.where(exceeds, middle, high)
    return torch.where(rate.isnan(), rate, high)


def _bracket(rate: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Counts below and from the quantile: near its Cornish-Fisher approximation if they bracket it, else far apart."""
    normal = torch.special.ndtri(noise)
    guess = (rate + rate.sqrt() * normal + (normal**2 - 1) / 6).floor()
    near = torch.stack([(guess - 2).clamp(min=-1.0), (guess + 2).clamp(min=0.0)])
    below, above = _cdf_exceeds(near, rate, noise)
    low = (rate - 12 * rate.sqrt() - 40).floor().clamp(min=-1.0)
    high = (rate + 12 * rate.sqrt() + 40).ceil()
    bracketed = ~below & above
    return torch.where(bracketed, near[0], low), torch.where(bracketed, near[1], high)


def _cdf_exceeds(count: Tensor, rate: Tensor, noise: Tensor) -> Tensor:
    """Whether the CDF at ``count``, the incomplete gamma function ``Q(count + 1, rate)``, exceeds the noise."""
    exceeds: Tensor = (torch.special.gammaincc(count.clamp(min=0) + 1, rate) > noise) & (count >= 0)
    return exceeds


# --- streams of uniform numbers ---------------------------------------------------------------------------------------


def seeds(noise: Float[Tensor, "*batch 2"], stream: int = 0) -> Int[Tensor, "*batch"]:
    """A 64-bit seed from the leading bits of two uniform numbers."""
    high, low = (in_float64(noise) * 2.0**32).long().unbind(-1)
    return _mixed((high << 32) ^ low ^ _signed(stream * GOLDEN_GAMMA))


def stream_uniform(seed: Int[Tensor, "..."], index: Int[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The uniform number at position ``index`` in the stream of each seed: in (0, 1), float64."""
    bits = _mixed(seed + (index + 1) * GOLDEN_GAMMA)
    uniform: Tensor = ((bits >> 11) & (2**53 - 1)).double() * 2.0**-53 + 2.0**-54
    return uniform


def _mixed(x: Tensor) -> Tensor:
    """The finalizer of splitmix64; products wrap around."""
    x = (x ^ _shift(x, 30)) * FIRST_FACTOR
    x = (x ^ _shift(x, 27)) * SECOND_FACTOR
    mixed: Tensor = x ^ _shift(x, 31)
    return mixed


def _shift(x: Tensor, bits: int) -> Tensor:
    """A logical shift to the right: torch's copies the sign."""
    shifted: Tensor = (x >> bits) & (2 ** (64 - bits) - 1)
    return shifted


def _signed(x: int) -> int:
    """A number modulo 2**64 as a signed one."""
    return (x + 2**63) % 2**64 - 2**63
