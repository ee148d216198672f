"""Limits of memory: what is available, and the refusal of more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tensorar import DataError, TensorarError
from tensorar.utils import memory
from tensorar.utils.memory import available_memory, format_bytes, require_memory

MEMINFO = "MemTotal:       1000 kB\nMemFree:         500 kB\nMemAvailable:    800 kB\nHugePages_Total:       0\n"


def test_what_is_available_is_positive_and_below_everything():
    assert 10**6 < available_memory() < 10**15


def test_less_is_accepted_and_more_refused(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 2 * 10**9)
    require_memory(2 * 10**9, "an array")
    with pytest.raises(TensorarError) as raised:
        require_memory(2 * 10**9 + 10**8, "an array of shape (7, 3)")
    assert str(raised.value).startswith(
        "expected at most 2 GB of memory, as is available, got an array of shape (7, 3), which would take 2.1 GB; "
    )
    with pytest.raises(DataError, match="; save fewer"):
        require_memory(10**4000, "an array", remedy="save fewer", error=DataError)


def test_sizes_in_words():
    assert [format_bytes(n) for n in (0, 1, 1000, 1_500_000, 700_400_000, 10**18)] == [
        "0 B",
        "1 B",
        "1 kB",
        "1.5 MB",
        "700 MB",
        "1 EB",
    ]
    assert len(format_bytes(10**4000)) < 20


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def limits(tmp_path):
    return list(memory._limits(tmp_path / "proc", tmp_path / "cgroup"))


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": "900", "a/memory.current": "500"}),
        # in a container the path is that of the host, and the group is mounted at the root
        ("0::/host/path\n", {"memory.max": "900\n", "memory.current": "500\n"}),
        (
            "3:cpu:/x\n2:memory:/a\n0::/\n",
            {"memory/a/memory.limit_in_bytes": "900", "memory/a/memory.usage_in_bytes": "500"},
        ),
    ],
)
def test_control_groups_of_both_versions(groups, files, tmp_path):
    stat = "anon 100\nactive_file 30\ninactive_file 20\ntotal_active_file 30\ntotal_inactive_file 20\n"
    write(tmp_path / "proc", {"meminfo": MEMINFO, "self/cgroup": groups})
    write(tmp_path / "cgroup", files | {str(Path(name).with_name("memory.stat")): stat for name in files})
    assert min(limits(tmp_path)) == 900 - 500 + 50


def test_physical_memory_and_files_in_another_form(tmp_path):
    write(tmp_path / "proc", {"meminfo": MEMINFO, "self/cgroup": "nonsense\n"})
    assert min(limits(tmp_path)) == 800 * 1024
    write(tmp_path / "proc", {"meminfo": "nonsense"})
    assert all(limit > 0 for limit in limits(tmp_path))


def test_a_limited_address_space(monkeypatch):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10**5, 10**5))
    assert available_memory() == 0
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2 * used, 2 * used))
    assert 0 < available_memory() < 1.5 * used
