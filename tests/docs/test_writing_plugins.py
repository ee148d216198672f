"""docs/writing-plugins.md: its code runs and passes the kit, its hooks and signatures are those of the code."""

import inspect
import math
import re
from pathlib import Path

import pytest
import torch

import tensorar.series
from tensorar import testing
from tensorar.parts import hookspecs
from tensorar.parts.part import Part
from tensorar.parts.plugins import Plugins
from tensorar.testing import checks, kit

PAGE = (Path(__file__).parents[2] / "docs" / "writing-plugins.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
SIGNATURES = re.findall(r"^\| (?:\*\*)?`([A-Z]\w*)\.(\w+)\((.*?)\)`(?:\*\*)? \|", PAGE, flags=re.MULTILINE)


def run(code, **names):
    namespace = {"__name__": "page"} | names
    exec(code, namespace)
    return namespace


def part_of(code, **names):
    classes = [v for v in run(code, **names).values() if inspect.isclass(v) and v.__module__ == "page"]
    (part,) = [c for c in classes if issubclass(c, Part) and c not in names.values()]
    return part


ORDERS = BLOCKS.pop(1)
PARTS = [part_of(code) for code in BLOCKS[:3]]
PARTS.append(part_of(BLOCKS[3], Linear=PARTS[2]))
PARTS.append(part_of(BLOCKS.pop(4)))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_option_on_the_page_is_described(part):
    assert set(part.option_parameters()) <= set(part.option_descriptions())


def test_the_hooks_are_on_the_page_with_their_signatures():
    for name in dir(hookspecs):
        if name.startswith("tensorar_"):
            returns = inspect.signature(getattr(hookspecs, name)).return_annotation
            assert f"| `{name}() -> {returns}` |" in PAGE


@pytest.mark.parametrize(("kind", "method", "written"), SIGNATURES)
def test_the_methods_on_the_page_have_these_signatures(kind, method, written):
    owner = getattr(tensorar, kind, None) or getattr(tensorar.series, kind)
    parameters = inspect.signature(getattr(owner, method)).parameters.values()
    named = [p.name if p.default is p.empty else f"{p.name}={p.default}" for p in parameters if p.name != "self"]
    assert ", ".join(named) == written.replace("*", "")


@pytest.mark.parametrize(
    "kind",
    [
        *(tensorar.Ordering, tensorar.Head, tensorar.CausalBackbone, tensorar.EvidenceBackbone),
        *(tensorar.CachedStepper, tensorar.Dataset),
    ],
)
def test_required_methods_are_on_the_page_in_bold(kind):
    for method in kind.__abstractmethods__:
        assert f"**`{kind.__name__}.{method}(" in PAGE
    bold = re.findall(rf"\*\*`{kind.__name__}\.(\w+)\(", PAGE)
    assert set(bold) == set(kind.__abstractmethods__)


def test_the_single_file_plugin_loads_and_models_counts(tmp_path):
    (tmp_path / "binomial.py").write_text(BLOCKS[0])
    plugins = Plugins()
    plugins.load_installed()
    registry = tensorar.Registry(plugins)
    registry.load_file(tmp_path / "binomial.py")
    model = tensorar.build((2,), "raster", "binomial:trials=4", "fvsbn", registry=registry).double()
    counts = torch.cartesian_prod(torch.arange(5.0), torch.arange(5.0))
    assert model.log_prob(counts).exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_the_ordering_on_the_page():
    assert PARTS[1]().order((2, 3)).visits.tolist() == [5, 4, 3, 2, 1, 0]


def test_the_backbone_on_the_page_depends_on_the_past_only():
    order = tensorar.Order(torch.tensor([2, 0, 1]), (3,))
    network = PARTS[2](tensorar.Signature((3,), 2, 4), scale=1.0).double()
    features = torch.randn(1, 3, 2, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda f: network(f, order), features).abs().sum((0, 2, 3, 5))
    assert torch.equal(jacobian > 0, order.causal_mask())
    assert math.prod(network(features, order).shape) == 12


@pytest.mark.parametrize(
    "check", [pytest.param(check, id=f"{part.name}-{check.name}") for part in PARTS for check in checks(part)]
)
def test_the_parts_on_the_page_pass_the_kit(check):
    check()


def test_the_test_on_the_page_runs():
    names = run(BLOCKS[4], Linear=PARTS[2])
    (mark,) = names["test_my_backbone"].pytestmark
    for check in mark.args[1][:3]:
        names["test_my_backbone"](check)


def test_the_property_on_the_page_holds():
    run(BLOCKS[5])["test_a_joint_sums_to_one"]()


def test_the_statements_on_orders_and_evidence_hold():
    run(ORDERS)


def test_every_block_is_run_by_a_test():
    assert len(BLOCKS) == 6


def test_all_that_the_kit_exports_and_takes_is_named_on_the_page():
    for option in set(inspect.signature(kit.checks).parameters) - {"part", "options"}:
        assert f"{option}=" in PAGE
    unnamed = {"Check", "CheckFailed", "MissingHypothesisError", "Profile"}
    helpers = {"brute_conditional", "events_of", "levels_of", "parameters_of", "randomize", "seeds", "values_of"}
    for name in set(testing.__all__) - unnamed - helpers:
        assert f"`{name}" in PAGE, name


def test_the_example_of_a_failure_is_what_the_kit_reports():
    class Leaks(PARTS[2]):
        """Depends on the future."""

        def forward(self, features, order, context=None):
            return super().forward(features, tensorar.Order(order.visits.flip(0), order.event_shape), context)

    check = {check.name: check for check in checks(Leaks)}["no_leak_by_value"]
    with pytest.raises(testing.CheckFailed) as found:
        check()
    assert str(found.value) in " ".join(PAGE.split())
