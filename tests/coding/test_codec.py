"""Events that are encoded come back, at the size that the model's likelihood promises, or an error says why not."""

from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest
import torch

import tensorar
from tensorar import DataError, Evidence, NumericalError, RunError, SpecError, TensorarError
from tensorar.coding import Archive, decode, decode_events, encode, encode_events
from tensorar.coding.archive import checksum
from tensorar.coding.streams import SymbolReader, SymbolWriter

pytestmark = pytest.mark.usefixtures("without_shape_checks")
HEADS = (
    *("bernoulli", "categorical:levels=5", "categorical:levels=256", "logistic_mixture:levels=256"),
    *("poisson", "negative_binomial", "categorical:values='-2.5 1 7'"),
)


def _model(head: str, backbone: str = "made:hidden=16", ordering: str = "raster", shape=(3, 3), **options):
    torch.manual_seed(0)
    model = tensorar.build(shape, ordering=ordering, head=head, backbone=backbone, **options).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model


def _samples(model, n, **options):
    return model.sample(n, generator=torch.Generator().manual_seed(1), **options)


@pytest.mark.parametrize("head", HEADS)
def test_the_very_same_values_come_back_at_the_size_of_the_likelihood(head):
    model = _model(head)
    x = _samples(model, 70)
    found = encode_events(model, x, batch=32)
    bits = float(-model.log_prob(x).detach().double().sum()) / math.log(2)
    coded = 8 * sum(block.size for block in found.header.blocks)
    assert found.nats / math.log(2) == pytest.approx(bits, rel=1e-5)
    assert len(found.header.blocks) == 3 and bits < coded < 1.001 * bits + 8 * 64 * len(found.header.blocks)
    back = decode(model, found.archive.pack())
    assert torch.equal(back, x) and back.dtype == x.dtype


@pytest.mark.parametrize(
    ("backbone", "ordering"),
    [
        ("nade:hidden=8", "shuffled"),
        ("transformer:channels=8,layers=1,heads=2", "spiral"),
        ("pixelcnn:channels=4,blocks=1", "flips"),
        ("mlp:hidden=8", "adaptive"),
        ("rnn:hidden=8", "raster"),
        ("convnet:channels=4", "random"),
    ],
)
def test_every_kind_of_network_and_order(backbone, ordering):
    model = _model("categorical:levels=3", backbone, ordering)
    x = torch.randint(0, 3, (7, 3, 3), dtype=torch.int16)
    assert torch.equal(decode(model, encode(model, x, batch=4)), x)


def test_dtypes_contexts_and_no_events():
    model = _model("bernoulli", context_features=2)
    x, context = (torch.rand(5, 3, 3) < 0.5).int(), torch.randn(5, 2)
    for dtype in (torch.uint8, torch.int64, torch.float16, torch.float64):
        back = decode(model, encode(model, x.to(dtype), context))
        assert back.dtype == dtype and torch.equal(back, x.to(dtype))
    assert decode(model, encode(model, x[:0], context[:0])).shape == (0, 3, 3)


def test_counts_far_outside_the_window_come_back():
    model = _model("poisson")
    x = _samples(model, 4)
    x[0, 0, 0], x[1, 1, 1], x[2, 2, 2] = 2.0**24, 70_000, 0
    assert torch.equal(decode(model, encode(model, x)), x)
    for number in (0, 1, 2**15, 2**16, 2**16 + 1, 2**62 + 5):
        writer = SymbolWriter()
        writer.code_natural(number)
        assert SymbolReader(writer.content()).code_natural(0) == number


def test_columns_of_different_kinds_with_missing_values():
    head = 'columns:heads="bernoulli; categorical:levels=4,one_hot=true; poisson"'
    for ordering, backbone in (("raster", "made:hidden=8"), ("adaptive", "mlp:hidden=8")):
        model = _model(head, backbone, ordering, shape=(3,))
        x = torch.tensor([[1, 3, 12], [0, 0, 0], [1, 2, 5]], dtype=torch.float64)
        x[0, 1] = x[2, 0] = torch.nan
        back = decode(model, encode(model, Evidence.observed(x)))
        assert torch.equal(back.nan_to_num(-1), x.nan_to_num(-1))
        with pytest.raises(TensorarError, match="NaN"):
            encode(model, x)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("ordering", ["flips", "shuffled", "random:seed=3", "adaptive"])
def test_orders_contexts_and_missing_values_together(ordering, missing):
    model = _model("categorical:levels=3", "mlp:hidden=8", ordering, context_features=2)
    generator = torch.Generator().manual_seed(2)
    x = torch.randint(0, 3, (5, 3, 3), generator=generator).double()
    context = torch.randn(5, 2, generator=generator)
    if missing:
        x[torch.rand(x.shape, generator=generator) < 0.3] = torch.nan
    found = encode_events(model, Evidence.observed(x), context, batch=3)
    back = decode_events(model, Archive.unpack(found.archive.pack()))
    assert torch.equal(back.events.nan_to_num(-1), x.nan_to_num(-1))
    assert torch.equal(back.contexts, context) and bool(back.sound.all())
    if not missing:
        order = {} if ordering == "adaptive" else {"order": model.order}
        nats = -model.log_prob(x.float(), context, **order).double().sum().item()
        assert found.nats == pytest.approx(nats, rel=1e-5), "in the first order of an ensemble"


def test_values_of_no_probability_and_real_values_are_refused():
    with pytest.raises(SpecError, match="quantise the data"):
        encode(_model("gaussian"), torch.zeros(1, 3, 3))
    with pytest.raises(tensorar.SupportError, match="0 or 1"):
        encode(_model("bernoulli"), torch.full((1, 3, 3), 2.0))


def test_a_network_that_outputs_nan_is_refused():
    model = _model("bernoulli")
    for parameter in model.parameters():
        parameter.data.fill_(torch.nan)
    with pytest.raises(NumericalError, match="NaN or infinity"):
        encode(model, torch.zeros(1, 3, 3))


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_another_model_dtype_or_order_is_refused():
    model, x = _model("bernoulli"), torch.zeros(2, 3, 3)
    data = encode(model, x)
    other = _model("bernoulli")
    next(iter(other.parameters())).data[0] += 1e-3
    for wrong, message in (
        (other, "other weights"),
        (_model("bernoulli").double(), "float32"),
        (_model("categorical:levels=2"), "head"),
        (_model("bernoulli", ordering="spiral"), "ordering, order"),
    ):
        with pytest.raises(RunError, match=message):
            decode(wrong, data)


@pytest.fixture(scope="module")
def coded():
    model = _model("categorical:levels=16")
    x = _samples(model, 12)
    return model, x, encode(model, x, batch=4)


def test_a_damaged_block_is_named_and_the_others_survive(coded):
    model, x, data = coded
    archive = Archive.unpack(data)
    size = archive.header["blocks"][0][0]
    place = data.index(archive.members["blocks.bin"]) + size + 3
    damaged = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    with pytest.raises(DataError, match=r"block 2 \(changed since it was written; 8 of 12 events are sound\)"):
        decode(model, damaged)
    found = decode_events(model, Archive.unpack(damaged))
    assert found.sound.tolist() == [True] * 4 + [False] * 4 + [True] * 4
    assert torch.equal(found.events[found.sound], x[found.sound])


def test_a_file_that_was_cut_off_keeps_its_first_blocks_or_is_refused(coded):
    model, x, data = coded
    archive = Archive.unpack(data)
    start = data.index(archive.members["blocks.bin"])
    found = decode_events(model, Archive.unpack(data[: start + archive.header["blocks"][0][0]]))
    assert list(found.lost.values()) == ["cut off"] * 2 and torch.equal(found.events[:4], x[:4])
    for length in (0, 1, 511, 512, 700, start - 1):
        with pytest.raises(DataError):
            decode(model, data[:length])


def test_every_changed_byte_is_noticed(coded):
    model, x, data = coded
    for place in range(0, len(data), 199):
        changed = data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]
        try:
            back = decode(model, changed)
        except TensorarError:
            continue
        # bytes of the tar format that carry no meaning
        assert torch.equal(back, x)


def test_other_arithmetic_is_named_never_decoded_to_other_values(coded, monkeypatch):
    model, _, data = coded
    archive = Archive.unpack(data)
    numerics = archive.header["numerics"] | {"torch": "1.0"}
    altered = Archive({**archive.header, "numerics": numerics}, archive.members)
    distribution = type(model.head).distribution
    monkeypatch.setattr(type(model.head), "distribution", lambda self, p, c=None: distribution(self, p * (1 + 1e-5), c))
    with pytest.raises(DataError, match=r"other arithmetic than the encoder's: torch 1\.0, here"):
        decode(model, altered.pack())


@pytest.mark.parametrize(
    "change",
    [
        {"events": 10**12, "blocks": []},
        {"batch": 0},
        {"blocks": [[3, "", ""]]},
        {"dtype": "object"},
        {"numerics": {"threads": 10**9}},
        {"event_shape": [3]},
        {"blocks": None},
        {"format_version": 1},
        {"context": 5},
    ],
)
def test_a_header_that_lies_is_refused(coded, change):
    model, _, data = coded
    archive = Archive.unpack(data)
    with pytest.raises(TensorarError):
        decode(model, _packed({**archive.header, **change}, archive.members))


def _packed(header, members):
    import io
    import json
    import tarfile

    header["checksum"] = checksum(json.dumps(header, sort_keys=True).encode())
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in {"header.json": json.dumps(header).encode(), **members}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_threads_are_the_encoders_and_set_back():
    model, x, before = _model("bernoulli"), torch.zeros(2, 3, 3), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        data = encode(model, x)
        torch.set_num_threads(1)
        assert Archive.unpack(data).header["numerics"]["threads"] == 2
        seen = []
        assert torch.equal(decode(model, data, progress=lambda *_: seen.append(torch.get_num_threads())), x)
        assert set(seen) == {2} and torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_the_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "constriction", None)
    with pytest.raises(TensorarError, match=r"pip install tensorar\[compress\]"):
        encode(_model("bernoulli"), torch.zeros(1, 3, 3))


@pytest.mark.parametrize("threads", [1, 2])
def test_another_number_of_threads_comes_back(threads):
    """The quick form of the test in other processes."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        model = _model("bernoulli", "pixelcnn:channels=8,blocks=1", shape=(1, 6, 6))
        x = _samples(model, 20)
        data = encode(model, x)
        torch.set_num_threads(3 - threads)
        assert torch.equal(decode(model, data), x)
    finally:
        torch.set_num_threads(before)


def test_more_threads_than_this_process_gets_are_refused(coded, monkeypatch):
    model, _, data = coded
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    archive = Archive.unpack(data)
    numerics = archive.header["numerics"] | {"threads": torch.get_num_threads() + 1}
    with pytest.raises(TensorarError, match=r"threads, with which the events were encoded, got 1; allow as many"):
        decode(model, Archive({**archive.header, "numerics": numerics}, archive.members).pack())


SCRIPT = """
import sys, torch, tensorar
from pathlib import Path
from tensorar.coding import decode, encode
torch.set_num_threads(int(sys.argv[2]))
torch.manual_seed(0)
network = "pixelcnn:channels=32,blocks=2"
model = tensorar.build((1, 14, 14), ordering="raster", head="bernoulli", backbone=network).eval()
x = (torch.rand(96, 1, 14, 14, generator=torch.Generator().manual_seed(1)) < 0.3).float()
file = Path(sys.argv[3])
if sys.argv[1] == "encode":
    file.write_bytes(encode(model, x))
else:
    assert torch.equal(decode(model, file.read_bytes()), x)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "decoder"), [("1", "2"), ("2", "1")])
def test_another_process_with_another_number_of_threads(encoder, decoder, tmp_path):
    for what, threads in (("encode", encoder), ("decode", decoder)):
        command = [sys.executable, "-c", SCRIPT, what, threads, str(tmp_path / "x.tar")]
        subprocess.run(command, check=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": threads})


# --- many random models -----------------------------------------------------------------------------------------------

BACKBONES = ("fvsbn", "nade:hidden=4", "made:hidden=6", "pixelcnn:channels=3,blocks=1", "mlp:hidden=4", "rnn:hidden=4")
ORDERINGS = ("raster", "random", "snake", "shuffled")


def _random_case(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def choice(options):
        return options[int(torch.randint(len(options), (), generator=generator))]

    shape = choice([(1,), (2, 3), (4,), (1, 2, 2)])
    backbone = choice(BACKBONES)
    head = choice(("bernoulli",) if backbone == "fvsbn" else HEADS[:6])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = tensorar.build(shape, ordering=choice(ORDERINGS), head=head, backbone=backbone).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += choice([0.1, 1.0, 5.0]) * torch.randn_like(parameter)
    if head in ("poisson", "negative_binomial"):
        x = torch.randint(0, choice([3, 100, 2**24]), (3, *shape), generator=generator).float()
    else:
        x = torch.randint(0, 2 if head == "bernoulli" else 5, (3, *shape), generator=generator).float()
    assert torch.equal(decode(model, encode(model, x, batch=choice([1, 2, 3, 5]))), x), (seed, head, backbone)


def test_random_models_and_events():
    for seed in range(15):
        _random_case(seed)


@pytest.mark.slow
def test_ten_thousand_random_models_and_events():
    for seed in range(10_000):
        _random_case(seed)
