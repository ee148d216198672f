"""Heads: the distribution of a coefficient, given the parameters that a backbone outputs for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions.constraints import Constraint
from torch.distributions.transforms import Transform

from tensorar.errors import SpecError
from tensorar.mixed import Pieces
from tensorar.noise import SEED_SIZE, draw_from, draw_one_by_one, draws_in_fixed_operations, noise_size
from tensorar.parts.part import Part
from tensorar.value_checks import check_values, describe_support, good_at_a_glance, is_bounded


class Head(Part, ABC):
    """Turns ``parameter_count`` numbers per coefficient into its distribution, and encodes values for the network.

    ``parameter_count``: numbers per coefficient that the backbone returns. ``feature_count``: numbers per coefficient
    that a network receives. ``support``: the values that have a probability. ``point_masses``: values in the support of
    a density that have a probability of their own, as the 0 of a rainfall; ``log_prob`` of them is its logarithm.

    A head works in standard values: ``encode``, ``distribution``, ``support``, ``draw`` and ``marginal_parameters``
    take and return them. They are the data's values unless ``transform`` says how they become those, as a location
    and a scale per coefficient do, found in the data by ``for_data``. Models apply the transform, in float64.

    A head may differ between coefficients (a table with columns of different kinds): ``coefficients`` are flat indices
    that broadcast to the shape of the values; most heads ignore them. ``members`` are the heads that it is made of.
    """

    kind = "head"
    parameter_count: int
    feature_count: int
    support: Constraint
    point_masses: tuple[float, ...] = ()
    # set for every class, since a model looks at them in every call: whether standard values are the data's own, and
    # whether they also have one support for all coefficients
    untransformed: ClassVar[bool]
    same_everywhere: ClassVar[bool]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.untransformed = cls.transform is Head.transform
        cls.same_everywhere = cls.untransformed and cls.supports is Head.supports
        # the shortcuts of a parent would be those of another distribution
        if "distribution" in vars(cls):
            for shortcut in ("log_prob", "draw"):
                if shortcut not in vars(cls):
                    setattr(cls, shortcut, getattr(Head, shortcut))

    @abstractmethod
    def encode(
        self, value: Float[Tensor, "*batch"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*batch features"]:
        """Encode values as network features of roughly unit scale: ``(...) -> (..., feature_count)``."""

    @abstractmethod
    def distribution(
        self, parameters: Float[Tensor, "*batch parameters"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Distribution:
        """The distribution over ``(...)`` given ``(..., parameter_count)``."""

    def log_prob(
        self,
        parameters: Float[Tensor, "*batch parameters"],
        value: Float[Tensor, "*batch"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "..."]:
        """The log-probabilities of values, in nats: those of ``distribution``, by default by making it.

        Override it where that costs more than the arithmetic: particles weigh what is observed at every step. A
        subclass with a distribution of its own does not inherit the override.
        """
        log_prob: Tensor = self.distribution(parameters, coefficients).log_prob(value)
        return log_prob

    def relocated(
        self,
        parameters: Float[Tensor, "*batch parameters"],
        location: Float[Tensor, "*batch features"],
        scale: Float[Tensor, "*batch features"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*batch parameters"]:
        """The parameters of the distribution of ``location + scale * x``, where ``x`` has these parameters.

        Location and scale are those of features, which must be the standard values themselves. Parameters stay as they
        are where that is no distribution of the head (the default).
        """
        return parameters

    def used_features(self, coefficients: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch features"]:
        """Which features of coefficients may differ from zero; by default all."""
        return torch.ones(*coefficients.shape, self.feature_count, dtype=torch.bool, device=coefficients.device)

    # --- kinds of coefficients --------------------------------------------------------------------------------------

    @property
    def members(self) -> tuple[Head, ...]:
        """The heads that this head is made of, by kind of coefficient; by default this head alone."""
        return (self,)

    def kinds(self, coefficients: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch"]:
        """Which of the members is the head of each coefficient."""
        return torch.zeros_like(coefficients)

    def places(self, coefficients: Int[Tensor, "*batch"]) -> Int[Tensor, "*batch"]:
        """The index of each coefficient among those of its member, by which the member knows it."""
        return coefficients

    def member(self, coefficient: int) -> Head:
        """The member that is the head of a coefficient (a flat index)."""
        return self.members[int(self.kinds(torch.tensor(coefficient)))]

    def is_discrete(self, coefficients: Int[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
        """Whether the values of each coefficient are whole numbers, which have probabilities, not densities."""
        discrete = torch.tensor([member.support.is_discrete for member in self.members], device=coefficients.device)
        return discrete[self.kinds(coefficients)]

    def by_member(
        self,
        draw: Sequence[Callable[[Tensor, Tensor, Tensor], Tensor]],
        parameters: Float[Tensor, "*batch parameters"],
        noise: Float[Tensor, "*batch noise"],
        coefficients: Int[Tensor, "..."] | None,
    ) -> Float[Tensor, "*batch"]:
        """Values that the function of each member draws from its own parameters, noise and indices."""
        pieces, index = self.pieces(coefficients)
        drawn = []
        for kind, p, u, own in zip(pieces.kinds, pieces.take(parameters, 1), pieces.take(noise, 1), index, strict=True):
            drawn.append(draw[kind](p[..., : self.members[kind].parameter_count], u, own))
        return pieces.join(drawn)

    def pieces(self, coefficients: Int[Tensor, "..."] | None) -> tuple[Pieces, list[Int[Tensor, "..."]]]:
        """The coefficients of each member, and the indices by which it knows them.

        Raises ``SpecError`` if there are several members and no coefficients are given.
        """
        if coefficients is None:
            raise SpecError(
                expected="the coefficients of the values, since their kinds differ",
                got="none",
                remedy="pass their flat indices as coefficients",
            )
        pieces = Pieces.of(self.kinds(coefficients))
        return pieces, pieces.take(self.places(coefficients))

    # --- the data's values ------------------------------------------------------------------------------------------

    def transform(self, coefficients: Int[Tensor, "..."] | None = None) -> Transform | None:
        """The increasing function from standard values to the data's, in float64; None if they are the same."""
        return None

    def for_data(self, train: Real[Tensor, "n *event"], *others: Real[Tensor, "_ *event"]) -> Head:
        """Return this head with what it takes from the data, such as units; ``others`` are the other splits.

        Missing values (NaN, if the dataset declares them) are to be left out.
        """
        return self

    def data_state(self) -> dict[str, Tensor]:
        """What ``for_data`` found, as tensors by name; a run keeps them."""
        return {}

    def with_data_state(self, state: dict[str, Tensor]) -> Head:
        """Return this head with what ``for_data`` once found. Raises ``SpecError`` for tensors that do not fit."""
        if state:
            raise SpecError(
                expected=f"no data state for the head {self.name!r}, which takes nothing from the data",
                got=", ".join(state),
                remedy="restore the run from a copy",
            )
        return self

    def standardize(
        self, values: Real[Tensor, "*batch"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Real[Tensor, "*batch"]:
        """Standard values of the data's values, in float64; the same tensor if the head has no transform.

        NaN for values that no standard value becomes.
        """
        if values.device.type != "mps":
            transform = self.transform(_on(coefficients, values.device))
            return values if transform is None else transform.inv(values)
        return self.standardize(values.cpu(), _on(coefficients, torch.device("cpu")))

    def restore(
        self, standard: Float[Tensor, "*batch"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*batch"]:
        """The data's values of standard values, in float64; the same tensor if the head has no transform."""
        transform = self.transform(_on(coefficients, standard.device))
        return standard if transform is None else transform(standard)

    def notes(self, train: Real[Tensor, "n *event"]) -> list[str]:
        """What is unusual about training events for this head, a line each; printed before the training."""
        return []

    # --- samples ----------------------------------------------------------------------------------------------------

    @cached_property
    def noise_size(self) -> int:
        """The number of uniform numbers that determine one value."""
        return SEED_SIZE if self.draws_one_by_one else noise_size(self._untrained()) or SEED_SIZE

    @cached_property
    def draws_one_by_one(self) -> bool:
        """Whether values are drawn example by example, which is slow: no function from noise to values is known."""
        return type(self).draw is Head.draw and noise_size(self._untrained()) is None

    @cached_property
    def draws_in_fixed_operations(self) -> bool:
        """Whether ``draw`` carries out the same operations for all values, so that a CUDA graph can capture it."""
        if type(self).draw is not Head.draw:
            return True
        return not self.draws_one_by_one and draws_in_fixed_operations(self._untrained())

    def _untrained(self) -> Distribution:
        return self.distribution(torch.zeros(self.parameter_count), torch.zeros((), dtype=torch.long))

    def draw(
        self,
        parameters: Float[Tensor, "*batch parameters"],
        noise: Float[Tensor, "*batch noise"],
        coefficients: Int[Tensor, "..."] | None = None,
    ) -> Float[Tensor, "*batch"]:
        """Values as a function of ``noise_size`` numbers each, uniform in (0, 1): the same noise, the same values.

        A subclass with a distribution of its own does not inherit an override, as of ``log_prob``.

        By default ``tensorar.noise.draw_from`` the distribution. For a distribution unknown there, the noise seeds
        torch's own sampler, one value after another.
        """
        if self.draws_one_by_one:
            index = torch.zeros((), dtype=torch.long) if coefficients is None else coefficients
            return draw_one_by_one(self.distribution, parameters, noise, index)
        return draw_from(self.distribution(parameters, coefficients), noise)

    # --- the choice of a head ---------------------------------------------------------------------------------------

    @classmethod
    def options_for(cls, values: Tensor) -> dict[str, Any] | None:
        """Options suited to these data, or None if unsupported. Used for suggestions."""
        return None

    @classmethod
    def image_options(cls, values: Tensor) -> dict[str, Any] | None:
        """Options suited to images of these values, or None if the head suits images no better than other data.

        ``tensorar.suggest_heads`` lists such heads first, if the axes of events are those of images.
        """
        return None

    def marginal_parameters(self, values: Real[Tensor, "n *event"]) -> Float[Tensor, "*event parameters"] | None:
        """The parameters of each coefficient's marginal distribution in the data; None if there is no simple estimate.

        Training starts from them, so that the backbone need not learn the marginals. Missing values (NaN) are to be
        left out; parameters of a coefficient that is never observed are ignored.
        """
        return None

    def check(
        self,
        values: Real[Tensor, "batch *event"],
        *,
        coefficients: Int[Tensor, "..."] | None = None,
        known: Bool[Tensor, "batch *event"] | None = None,
        what: str = "the data",
        suggestion: str = "",
        dtype: torch.dtype | None = None,
    ) -> None:
        """Raise ``SupportError`` if a value of the data (one that is ``known``) is NaN or has no probability.

        ``coefficients`` are the flat indices of the values (default: whole events), ``suggestion`` the remedy to
        print, ``dtype`` the dtype to which a model will round standard values.
        """
        if known is None and self.same_everywhere and good_at_a_glance(self, values, dtype):
            return
        check_values(
            self,
            values,
            coefficients=coefficients,
            known=known,
            what=what,
            suggestion=suggestion,
            dtype=dtype,
        )

    def supports(
        self, values: Float[Tensor, "*batch"], coefficients: Int[Tensor, "..."] | None = None
    ) -> Bool[Tensor, "*batch"]:
        """Whether each standard value is finite and in ``support``. Override it where it depends on the coefficient."""
        inside: Tensor = self.support.check(values)
        return inside if is_bounded(self.support) else inside & values.isfinite()

    def describe_values(self) -> str:
        """The data's values that have a probability, in words."""
        return describe_support(self.support)


def _on(coefficients: Tensor | None, device: torch.device) -> Tensor | None:
    return None if coefficients is None else coefficients.to(device)
