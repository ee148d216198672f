"""How much memory this process can still take, and a refusal of requests for more."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from tensorar.errors import TensorarError

if TYPE_CHECKING:
    import torch

PREFIXES = ("", "k", "M", "G", "T", "P", "E")
# files with the limit and the usage of a control group, and the names of its reclaimable page cache, by version
CGROUP_FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_active_file", "total_inactive_file")),
    2: ("memory.max", "memory.current", ("active_file", "inactive_file")),
}


def require_memory(
    required: int,
    what: str,
    *,
    remedy: str = "choose smaller sizes, or use a machine with more memory",
    error: type[TensorarError] = TensorarError,
) -> None:
    """Raise ``error`` if ``what``, which takes ``required`` bytes, is larger than the available memory.

    ``what`` continues "got": for example "an array of shape (1000000, 1000000)".
    """
    available = available_memory()
    if required > available:
        raise error(
            expected=f"at most {format_bytes(available)} of memory, as is available",
            got=f"{what}, which would take {format_bytes(required)}",
            remedy=remedy,
        )


def available_memory() -> int:
    """Bytes that this process can still allocate: physical memory, control groups and ``ulimit -v`` considered.

    Swap space is not counted. ``sys.maxsize`` if the system reports nothing.
    """
    root = Path("/")
    return max(0, min(sys.maxsize, *_limits(root / "proc", root / "sys/fs/cgroup")))


def peak_memory(device: torch.device | None = None) -> int:
    """The most bytes that this process held, or held on a GPU, since ``restart_peak_memory``; 0 if that is unknown."""
    if device is not None and device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(device)
    with suppress(OSError, KeyError, ValueError, IndexError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    with suppress(ImportError):
        import resource

        # kilobytes, on macOS bytes
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return 0


def restart_peak_memory(device: torch.device | None = None) -> None:
    """Forget the most that was held until now, where the system can."""
    if device is not None and device.type == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def format_bytes(size: int) -> str:
    """A size in decimal units with three significant digits; sizes may be arbitrarily large.

    >>> format_bytes(999), format_bytes(12_345_678_900), format_bytes(10**30)
    ('999 B', '12.3 GB', '1e+12 EB')
    """
    exponent = min((len(str(size)) - 1) // 3, len(PREFIXES) - 1)
    number = Decimal(size) / 1000**exponent
    text = f"{float(f'{number:.3g}'):g}" if number < 10**6 else f"{number:.0e}"
    return f"{text} {PREFIXES[exponent]}B"


def _limits(proc: Path, cgroups: Path) -> Iterator[int]:
    # each limit is optional: other systems than Linux have few of them, and containers hide some
    for limit in (_physical, _address_space, _control_groups):
        with suppress(OSError, ValueError, KeyError, IndexError, ImportError, AttributeError):
            yield limit(proc, cgroups)


def _physical(proc: Path, _: Path) -> int:
    if not (proc / "meminfo").exists():
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 1024 * _table(proc / "meminfo")["MemAvailable:"]


def _address_space(proc: Path, _: Path) -> int:
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    return limit - int((proc / "self/statm").read_text().split()[0]) * resource.getpagesize()


def _control_groups(proc: Path, cgroups: Path) -> int:
    """What the control groups of this process leave, each being limited by those above it."""
    left = sys.maxsize
    for line in (proc / "self/cgroup").read_text().splitlines():
        controllers, path = line.split(":", 2)[1:]
        version = 1 if controllers else 2
        if version == 2 or "memory" in controllers.split(","):
            mount = cgroups if version == 2 else cgroups / "memory"
            # a container's own group may be mounted at the root, so that its path does not exist
            for group in (mount / path.strip("/"), *(mount / path.strip("/")).parents):
                if group.is_relative_to(mount):
                    left = min(left, _left_in_group(group, version))
    return left


def _left_in_group(group: Path, version: int) -> int:
    limit, usage, caches = CGROUP_FILES[version]
    try:
        allowed = (group / limit).read_text().strip()
        if allowed == "max":
            return sys.maxsize
        stat = _table(group / "memory.stat")
        return int(allowed) - int((group / usage).read_text()) + sum(stat.get(name, 0) for name in caches)
    except (OSError, ValueError):
        return sys.maxsize


def _table(path: Path) -> dict[str, int]:
    """A file of lines that begin with a name and a whole number."""
    return {words[0]: int(words[1]) for words in map(str.split, path.read_text().splitlines())}
