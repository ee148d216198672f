"""Valid files of the user's own, one of each kind, and all events of a dataset."""

from __future__ import annotations

import gzip
import io

import numpy as np
import torch

from tests.datasets.idx_files import idx_bytes


def all_events(data):
    """The events of the three splits."""
    return torch.cat([data.train, data.valid, data.test])


def all_rows(dataset):
    """All events of a dataset as a sorted list."""
    events = all_events(dataset)
    return sorted(events.flatten(1).tolist() if events.ndim > 1 else events[:, None].tolist())


def npy_bytes():
    buffer = io.BytesIO()
    np.save(buffer, np.arange(60.0).reshape(20, 3))
    return buffer.getvalue()


def npz_bytes():
    buffer = io.BytesIO()
    np.savez_compressed(buffer, data=np.arange(60.0).reshape(20, 3))
    return buffer.getvalue()


def idx_gz_bytes():
    return gzip.compress(idx_bytes(np.arange(60.0).reshape(20, 3), 14), mtime=0)


def csv_bytes():
    return b"a,b,c\r\n" + b"".join(b'%d,"%d.5",-0.1234567890123%d\r\n' % (i * 7 % 19, i % 3, i % 9) for i in range(20))


WHOLE = {"npy": npy_bytes, "npz": npz_bytes, "idx": idx_gz_bytes, "table": csv_bytes}
