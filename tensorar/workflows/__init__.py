"""The commands as functions: no printing, no option parsing; progress goes to callbacks.

>>> from tensorar.workflows import train
>>> result = train("toy", minutes=1)  # doctest: +SKIP
"""

from tensorar.workflows.check_part import CheckReport, CheckResult, check_part
from tensorar.workflows.classify import Classification, classify
from tensorar.workflows.compare import Compared, Comparison, compare
from tensorar.workflows.compress import Compressed, Decompressed, compress, decompress
from tensorar.workflows.evaluate import Evaluation, evaluate
from tensorar.workflows.evaluate_given import ConditionalLikelihood, evaluate_given
from tensorar.workflows.forecast import Forecast, forecast
from tensorar.workflows.impute import Imputation, impute
from tensorar.workflows.inpaint import Completions, inpaint
from tensorar.workflows.list_runs import RunSummary, list_runs
from tensorar.workflows.order_taken import OrderTaken, order_taken
from tensorar.workflows.posterior import Posterior, posterior
from tensorar.workflows.reproduce import Reproduction, reproduce
from tensorar.workflows.rows import RowSummary, list_rows
from tensorar.workflows.sample import Samples, sample
from tensorar.workflows.score import Scores, score
from tensorar.workflows.score_events import EventScores
from tensorar.workflows.show import RunDescription, show
from tensorar.workflows.solve import Solved
from tensorar.workflows.train import resume, train
from tensorar.workflows.training_result import TrainingResult

__all__ = [
    "CheckReport",
    "CheckResult",
    "Classification",
    "Compared",
    "Comparison",
    "Completions",
    "Compressed",
    "ConditionalLikelihood",
    "Decompressed",
    "Evaluation",
    "EventScores",
    "Forecast",
    "Imputation",
    "OrderTaken",
    "Posterior",
    "Reproduction",
    "RowSummary",
    "RunDescription",
    "RunSummary",
    "Samples",
    "Scores",
    "Solved",
    "TrainingResult",
    "check_part",
    "classify",
    "compare",
    "compress",
    "decompress",
    "evaluate",
    "evaluate_given",
    "forecast",
    "impute",
    "inpaint",
    "list_rows",
    "list_runs",
    "order_taken",
    "posterior",
    "reproduce",
    "resume",
    "sample",
    "score",
    "show",
    "train",
]
