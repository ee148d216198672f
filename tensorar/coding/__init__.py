"""Lossless compression of events with a model: ``encode`` and ``decode``.

>>> import torch, tensorar
>>> from tensorar.coding import decode, encode
>>> model = tensorar.build((1, 4, 4), ordering="raster", head="bernoulli", backbone="fvsbn").eval()
>>> x = model.sample(3)
>>> torch.equal(decode(model, encode(model, x)), x)
True
"""

from tensorar.coding.archive import Archive
from tensorar.coding.codec import decode, encode
from tensorar.coding.decoding import Decoded, decode_events
from tensorar.coding.encoding import Encoded, encode_events

__all__ = ["Archive", "Decoded", "Encoded", "decode", "decode_events", "encode", "encode_events"]
