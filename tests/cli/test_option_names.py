"""Errors of the library name arguments; those of the command line name its options."""

import pytest
from typer.main import get_command

from tensorar_cli.app import app
from tensorar_cli.option_names import running_command, with_option_names

GROUP = get_command(app)


@pytest.mark.parametrize(
    ("command", "message", "translated"),
    [
        ("train", 'use device="auto"', "use --device auto"),
        ("train", "use head='categorical:levels=7' or head='beta'", "use --head categorical:levels=7 or --head beta"),
        ("train", "use ordering='einops:pattern=\"h w\"'", "use --ordering 'einops:pattern=\"h w\"'"),
        ("train", "resume it with resume=True, or not", "resume it with --resume, or not"),
        ("train", "either `data` or `recipe`", "either DATA or --recipe"),
        ("train", "lower `learning_rate`", "lower --learning-rate"),
        ("train", "no `argument` of this command", "no `argument` of this command"),
        ("evaluate", "or exact=False", "or --estimate"),
        ("evaluate", "or exact=True", "or --exact"),
        ("evaluate", "set top_k=None", "set top_k=None"),
        ("sample", "use temperature=1.0, top_k=None or so", "use --temperature 1.0, no --top-k or so"),
        ("sample", "expected top_k >= 1; use top_k=1", "expected --top-k >= 1; use --top-k 1"),
        ("train", "expected learning_rate to be positive", "expected --learning-rate to be positive"),
        (
            "train",
            "got 'lerning_rate'; did you mean 'learning_rate'?",
            "got 'lerning_rate'; did you mean 'learning_rate'?",
        ),
        ("train", "the dataset npz:path=batch_size.npz", "the dataset npz:path=batch_size.npz"),
        ("sample", "load it with load_file('/a b/x.py')", "load it with --plugin '/a b/x.py'"),
        ("plugins check", "use shapes='3'", "use shapes='3'"),
        # part specs and quotations stay as they are
        ("train", 'the dataset toy:seed="3",head="x"', 'the dataset toy:seed="3",head="x"'),
        ("train", "got \"head='x'\"", "got \"head='x'\""),
    ],
)
def test_translation(command, message, translated):
    assert with_option_names(message, running_command(GROUP, command.split())) == translated


def test_the_running_command_is_found_among_options():
    assert running_command(GROUP, ["plugins", "check", "list", "--json"]).name == "check"
    assert running_command(GROUP, []) is GROUP
