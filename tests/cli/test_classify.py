"""``tensorar classify``: Bayes' rule over the classes of a run with labels."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from tensorar import Run, default_registry
from tests.datasets.idx_files import write_set

from .commands import SHORT, call, done, refused, report

PLUGIN = Path(__file__).parents[1] / "training" / "dataset_with_contexts.py"
LONGER = ["--steps", 60, "--learning-rate", 0.2, "--set", "ema=0", "--set", "warmup=3", "--device", "cpu"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes") / "run"
    done("train", "labelled", "--plugin", PLUGIN, "--backbone", "fvsbn", *LONGER, "--out", folder)
    return folder


@pytest.fixture
def opened(run):
    default_registry().load_file(PLUGIN)
    return Run.open(run)


def test_probabilities_follow_bayes_rule(run, opened, tmp_path):
    found = report("classify", run, "--plugin", PLUGIN, "--out", "pred.csv")
    data, model = opened.dataset, opened.model
    x, labels = data.test, data.contexts.test.argmax(1)
    shares = data.contexts.train.double().mean(0)
    joint = (
        torch.stack([model.log_prob(x, torch.eye(2)[k].expand(len(x), 2)).double() for k in (0, 1)], 1) + shares.log()
    )
    expected = joint.softmax(1)
    assert found["accuracy"] == pytest.approx(float((expected.argmax(1) == labels).double().mean()))
    assert found["log_loss"] == pytest.approx(-float(expected.log().gather(1, labels[:, None]).mean()), abs=1e-5)
    assert found["nats"] == pytest.approx(-float(joint.logsumexp(1).mean()), abs=1e-5)
    assert found["accuracy"] > 0.9, "the bits are the class"
    confusion = torch.tensor(found["confusion"])
    assert confusion.sum() == len(x) and confusion.sum(1).tolist() == torch.bincount(labels).tolist()
    with (tmp_path / "pred.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["class"]) for row in rows] == labels.tolist()
    assert [float(row["p(1)"]) for row in rows] == pytest.approx(expected[:, 1].tolist(), abs=1e-5)
    assert all(row["predicted"] in ("0", "1") for row in rows)
    assert (run / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_names_recall_and_precision(run):
    printed = done("classify", run, "--plugin", PLUGIN, "--events", 10, "--picture", "c.png").stdout
    for word in (
        "10 events of the test split of labelled",
        "accuracy",
        "log-loss",
        "found (recall)",
        "confusion matrix in c.png",
    ):
        assert word in printed


def test_data_without_labels_are_classified_without_an_accuracy(run, tmp_path):
    import numpy as np

    np.save(tmp_path / "bits.npy", np.repeat([[0], [1]], 20, 0).repeat(4, 1).astype(np.uint8))
    found = report("classify", run, "--plugin", PLUGIN, "--data", "npy:path=bits.npy", "--out", "p.csv")
    assert (found["accuracy"], found["confusion"], found["picture"]) == (None, None, None)
    assert (tmp_path / "p.csv").read_text().splitlines()[0] == "event,predicted,p(0),p(1)"


def test_names_of_classes_are_those_of_the_data(tmp_path):
    write_set(tmp_path / "data", "emnist-letters-{part}-{kind}-idx{axes}-ubyte.gz", test="test")
    (tmp_path / "data" / "emnist-letters-mapping.txt").write_text("".join(f"{i} {64 + i}\n" for i in range(1, 27)))
    data = f"idx:labels=true,path={tmp_path}/data"
    done("train", data, "--backbone", "fvsbn", "--head", "categorical:levels=183", *SHORT, "--out", "letters")
    found = report("classify", "letters", "--events", 5)
    assert found["classes"][:3] == ["A", "B", "C"]


def test_a_run_without_classes_is_refused(bits_run):
    assert "a class for each event of npy, as a one-hot context, got no contexts" in refused(call("classify", bits_run))
    assert "--out to end in .csv" in refused(call("classify", bits_run, "--out", "x.png"))


def test_the_target_of_a_table_is_the_class_and_new_rows_are_classified(tmp_path):
    import numpy as np
    import pandas as pd

    kinds = np.array(["ham", "spam, or so"])[np.arange(80) % 2]
    frame = pd.DataFrame({"length": np.where(kinds == "ham", 1.0, 30.0) + np.arange(80) % 7 / 10, "kind": kinds})
    frame.to_csv("mail.csv", index=False)
    frame.drop(columns="kind").iloc[:6].to_csv("new.csv", index=False)
    longer = ["--backbone", "fvsbn", "--ordering", "raster", *LONGER]
    done("train", "table:path=mail.csv,target=kind", *longer, "--out", "mail")
    found = report("classify", "mail")
    assert found["classes"] == ["ham", "spam, or so"] and found["accuracy"] == 1
    assert report("classify", "mail", "--data", "mail.csv")["events"] == 80
    unlabelled = report("classify", "mail", "--data", "new.csv", "--out", "p.csv")
    assert unlabelled["accuracy"] is None and unlabelled["data"] == "new.csv"
    with (tmp_path / "p.csv").open() as file:
        assert [row["predicted"] for row in csv.DictReader(file)] == frame["kind"].iloc[:6].tolist()

    blank = frame.assign(kind=frame["kind"].mask(np.arange(80) % 4 == 1))
    blank.to_csv("some.csv", index=False)
    frame.assign(kind="").to_csv("none.csv", index=False)
    some = report("classify", "mail", "--data", "some.csv", "--out", "p.csv", "--events", 3)
    assert some["events"] == 3 and some["accuracy"] == 1
    assert "20 of 80 rows have no class and are skipped in some.csv" in some["notes"]
    with (tmp_path / "p.csv").open() as file:
        assert [row["event"] for row in csv.DictReader(file)] == ["0", "2", "3"]
    none = report("classify", "mail", "--data", "none.csv")
    assert (none["events"], none["accuracy"]) == (80, None)
    assert "no row has a class in none.csv" in none["notes"]


def test_folders_of_images_are_classes(tmp_path):
    from PIL import Image

    for k, name in enumerate(("dark", "light")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(15):
            Image.new("L", (3, 3), 200 * k + i).save(tmp_path / "pictures" / name / f"{i}.png")
    done("train", "images:path=pictures,mode=bits", "--backbone", "fvsbn", *SHORT, "--out", "pictures-run")
    assert report("classify", "pictures-run")["classes"] == ["dark", "light"]
    assert report("sample", "pictures-run", "--by-class", "-n", 2)["classes"] == ["dark", "light"]


@pytest.mark.parametrize("more", [["--context", "0"], ["--means"]])
def test_samples_by_class_have_no_other_contexts(run, more):
    result = call("sample", run, "--plugin", PLUGIN, "--by-class", *more)
    assert "--by-class alone" in refused(result)


def test_samples_of_each_class(run, opened, tmp_path):
    import numpy as np

    done("sample", run, "--plugin", PLUGIN, "--by-class", "-n", 20, "--out", tmp_path / "x.npy")
    first, second = np.split(np.load(tmp_path / "x.npy"), 2)
    assert first.mean() > 0.8 and second.mean() < 0.2
