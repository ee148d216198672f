"""How much of what an order allows each causal backbone sees: the table of docs/backbones.md.

Run: python tests/benchmarks/receptive_field_coverage.py (some minutes; few channels, the usual depths and kernels)
"""

from __future__ import annotations

from tensorar import CausalBackbone, PartSpec, ShapeError, build, default_registry, receptive_field_coverage

SHAPE = (16, 16)
ORDERINGS = ("raster", "snake", "diagonal", "hilbert", "spiral", "checkerboard", "random")
NARROW = {"channels": 8, "hidden": 8}
# what MADE sees depends on how many hidden units it has
AS_USUAL = ("made",)


def narrow(name: str) -> str:
    """The spec of a backbone of its usual depth with few channels."""
    if name in AS_USUAL:
        return name
    options = default_registry().find("backbone", name).part.option_parameters()
    return str(PartSpec(name, {key: value for key, value in NARROW.items() if key in options}))


def share(backbone: str, ordering: str) -> str:
    """The share of the past seen, in percent, or a dash where the backbone does not take the order."""
    try:
        model = build(SHAPE, ordering, "bernoulli", backbone)
    except ShapeError:
        return "-"
    return f"{100 * receptive_field_coverage(model):.0f} %"


def main() -> None:
    """Print the table."""
    causal = [n for n, r in default_registry().parts("backbone").items() if issubclass(r.part, CausalBackbone)]
    print("| backbone |", " | ".join(f"`{ordering}`" for ordering in ORDERINGS), "|")
    print("|", " --- |" * (len(ORDERINGS) + 1), sep="")
    for name in causal:
        print(f"| `{name}` |", " | ".join(share(narrow(name), o) for o in ORDERINGS), "|", flush=True)


if __name__ == "__main__":
    main()
