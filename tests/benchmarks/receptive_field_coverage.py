"""The share of the past that each causal backbone depends on: the table of docs/backbones.md.

Run: python tests/benchmarks/receptive_field_coverage.py    (minutes; few channels, the usual depths and kernels)
"""

from __future__ import annotations

from tensorar import CausalBackbone, PartSpec, ShapeError, build, default_registry, receptive_field_coverage

SHAPE = (16, 16)
ORDERINGS = ("raster", "snake", "diagonal", "hilbert", "spiral", "checkerboard", "random")
NARROW = {"channels": 8, "hidden": 8}
# for MADE the result depends on the number of hidden units
USUAL_WIDTH = ("made",)


def narrow(name: str) -> str:
    """The spec of a backbone of the usual depth with few channels."""
    if name in USUAL_WIDTH:
        return name
    options = default_registry().find("backbone", name).part.option_parameters()
    return str(PartSpec(name, {key: value for key, value in NARROW.items() if key in options}))


def coverage(backbone: str, ordering: str) -> str:
    """The share of the past in percent, or a dash if the backbone does not support the order."""
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
        print(f"| `{name}` |", " | ".join(coverage(narrow(name), o) for o in ORDERINGS), "|", flush=True)


if __name__ == "__main__":
    main()
