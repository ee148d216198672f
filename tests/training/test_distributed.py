"""Two processes train the same model as one, with either launcher, as on two hosts too, and exit cleanly."""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch

from tensorar import train
from tensorar.runs.tensors import read_tensors

from .helpers import PLUGIN, new_run

ADDRESS = "127.0.0.1"
TORCHRUN = ["torch.distributed.run", "--nproc-per-node", "1", "--nnodes", "2", "--master-addr", ADDRESS]
LAUNCHERS = {
    "torchrun": ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"],
    # as on two hosts, whose launchers find each other by an address and a port
    "two hosts": TORCHRUN,
    "accelerate": ["accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1"],
}
TRAIN = ["train", "agreeing", "--plugin", str(PLUGIN), "--device", "cpu", "--json"]
SETTINGS = ["--steps", "12", "--batch-size", "16", "--set", "evaluate_every=5", "--set", "valid_events=32"]
SETTINGS += ["--set", "warmup=3,patience=0", "--learning-rate", "0.001", "--backbone", "fvsbn", "--ordering", "raster"]


def launch(launcher, arguments, folder):
    """Run the command line with two processes, each with one thread."""
    module = ["--module", "tensorar_cli"] if launcher == "accelerate" else ["-m", "tensorar_cli"]
    hosts, port = [[]], str(free_port())
    if launcher == "two hosts":
        hosts = [["--node-rank", rank, "--master-port", port] for rank in ("0", "1")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MASTER_ADDR": ADDRESS, "ACCELERATE_USE_CPU": "true"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    started = [
        subprocess.Popen(
            [sys.executable, "-m", *LAUNCHERS[launcher], *own, *module, *arguments],
            cwd=folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for own in hosts
    ]
    outputs = [process.communicate(timeout=180) for process in started]
    for process, (_, errors) in zip(started, outputs, strict=True):
        assert process.returncode == 0, errors[-3000:]
    assert not any(output for output, _ in outputs[1:]), "the first host alone prints"
    return json.loads(next(line for line in outputs[0][0].splitlines() if line.startswith("{")))


def free_port():
    """A port that nobody listens to."""
    with socket.socket() as server:
        server.bind((ADDRESS, 0))
        return server.getsockname()[1]


# with accumulate, each process takes its share in three parts and synchronizes after the last
@pytest.mark.parametrize(
    ("launcher", "others"),
    [("two hosts", ["--set", "accumulate=3"]), pytest.param("accelerate", [], marks=pytest.mark.slow)],
)
def test_two_processes_train_the_same_model_as_one(tmp_path, launcher, others):
    report = launch(launcher, [*TRAIN, *SETTINGS, *others, "--out", "two"], tmp_path)
    assert [row["step"] for row in report["metrics"]] == [5, 10, 12]
    one = new_run(tmp_path / "one")
    train(one, device="cpu")
    expected, _ = read_tensors(tmp_path / "one" / "model.safetensors")
    got, _ = read_tensors(tmp_path / "two" / "model.safetensors")
    for key in expected:
        torch.testing.assert_close(got[key], expected[key], atol=1e-5, rtol=1e-4)
    for mine, theirs in zip(one.metrics(), report["metrics"], strict=True):
        assert theirs["valid_nats"] == pytest.approx(mine["valid_nats"], abs=1e-3)


@pytest.mark.slow
def test_a_training_of_two_processes_resumes(tmp_path):
    report = launch("torchrun", [*TRAIN, *SETTINGS, "--out", "two"], tmp_path)
    resume = ["train", "--resume", "two", "--plugin", str(PLUGIN), "--device", "cpu", "--json"]
    again = launch("torchrun", resume, tmp_path)
    assert again["metrics"] == report["metrics"]


@pytest.mark.parametrize(("processes", "torn_down"), [("1", True), ("2", False)])
@pytest.mark.parametrize(("arguments", "code"), [(["plugins", "list", "recipe"], 0), (["nothing"], 2)])
def test_one_of_several_processes_exits_with_its_code_and_output(arguments, code, processes, torn_down):
    program = "import atexit, sys; atexit.register(print, 'torn down'); from tensorar_cli.__main__ import main; main()"
    environment = os.environ | {"WORLD_SIZE": processes}
    done = subprocess.run([sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == code
    assert ("toy-rnn" in done.stdout) == (code == 0) and ("error:" in done.stderr) == (code == 2)
    assert ("torn down" in done.stdout) == torn_down
