"""The application: the page, and the questions that it asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tensorar.errors import TensorarError
from tensorar.utils.shapes import flatten_events
from tensorar.workflows.explore import Completed, Explorer, Predictive, Shelf
from tensorar_web.answers import Lines, Tell, TooLarge, answer, failure, json_answer, refusal
from tensorar_web.bodies import Body, read_body
from tensorar_web.guard import Guard
from tensorar_web.model_thread import Check, ModelThread

PAGE = {
    "": ("index.html", "text/html"),
    "app.js": ("app.js", "text/javascript"),
    "style.css": ("style.css", "text/css"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
Answer = Callable[[Explorer, Body, Check], dict[str, Any]]


@dataclass(frozen=True)
class Application:
    """The page of a shelf of runs."""

    shelf: Shelf
    thread: ModelThread = field(default_factory=ModelThread)

    def guarded(self, token: str, port: int) -> Guard:
        """The application below a token, for requests to this machine and port."""
        return Guard(Starlette(routes=self.routes(), exception_handlers={HTTPException: _no_answer}), token, port)

    def routes(self) -> list[Route]:
        """Every address."""
        pages = [Route(f"/{name}", _page(file, kind)) for name, (file, kind) in PAGE.items()]
        run = "/api/runs/{run:int}"
        asked: dict[str, Answer] = {
            "predict": _predict,
            "uncertainty": _uncertainty,
            "order": _order,
            "log_prob": _log_prob,
        }
        questions = [Route(f"{run}/{name}", self._asking(job), methods=["POST"]) for name, job in asked.items()]
        return [
            *pages,
            Route("/api/runs", self.runs),
            Route(run, self.run),
            Route(run + "/examples/{split}/{example:int}", self.example),
            Route(f"{run}/complete", self.complete, methods=["POST"]),
            *questions,
        ]

    async def runs(self, request: Request) -> Response:
        """The names of the runs."""
        return json_answer({"runs": self.shelf.names})

    async def run(self, request: Request) -> Response:
        """What the page needs to know of a run."""
        return await self._answer(request, lambda explorer, _: asdict(explorer.view))

    async def example(self, request: Request) -> Response:
        """An event of a split, with its context."""
        split, example = request.path_params["split"], request.path_params["example"]
        return await self._answer(request, lambda explorer, _: _example(explorer, split, example))

    async def complete(self, request: Request) -> Response:
        """Completions, line by line."""
        if (unknown := self._unknown_run(request)) is not None:
            return unknown
        try:
            body = await read_body(request)
        except (TensorarError, TooLarge) as error:
            return failure(error)
        number = request.path_params["run"]
        return Lines(self.thread, lambda check, tell: _complete(self.shelf.explorer(number), body, check, tell))

    def _asking(self, job: Answer) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            try:
                body = await read_body(request)
            except (TensorarError, TooLarge) as error:
                return failure(error)
            return await self._answer(request, lambda explorer, check: job(explorer, body, check))

        return endpoint

    async def _answer(self, request: Request, job: Callable[[Explorer, Check], dict[str, Any]]) -> Response:
        number = request.path_params["run"]
        unknown = self._unknown_run(request)
        return unknown or await answer(request, self.thread, lambda check: job(self.shelf.explorer(number), check))

    def _unknown_run(self, request: Request) -> Response | None:
        number, count = request.path_params["run"], len(self.shelf)
        if number < count:
            return None
        return refusal(404, f"a run from 0 to {count - 1}", str(number)[:30], "look at /api/runs")


async def _no_answer(request: Request, error: Exception) -> Response:
    """The answer to an address that does not exist, or not for this method."""
    assert isinstance(error, HTTPException)
    got = f"{request.method} {request.url.path.removeprefix(request.scope['root_path'])[:100]}"
    return refusal(
        error.status_code, "an address and method of the API", got, "look at api/runs", **(error.headers or {})
    )


def _page(name: str, kind: str) -> Callable[[Request], Any]:
    content = (files("tensorar_web") / "static" / name).read_bytes()

    async def endpoint(request: Request) -> Response:
        return Response(content, media_type=kind)

    return endpoint


# --- answers -----------------------------------------------------------------------------------------------------


def _example(explorer: Explorer, split: str, example: int) -> dict[str, Any]:
    x, context = explorer.example(split, example)
    values = x.flatten().tolist()
    texts = [explorer.texts(i, [value]) for i, value in enumerate(values)] if explorer.run.schema else None
    return {
        "values": values,
        "texts": None if texts is None else [text[0] for text in texts if text],
        "context": None if context is None else context.tolist(),
    }


def _complete(explorer: Explorer, body: Body, check: Check, tell: Tell) -> dict[str, Any]:
    def on_value(coefficient: int, values: list[float]) -> None:
        check()
        line: dict[str, Any] = {"coefficient": coefficient, "values": values}
        texts = explorer.texts(coefficient, values)
        tell(line if texts is None else line | {"texts": texts})

    def on_progress(done: int, steps: int) -> None:
        check()
        if done * 20 // steps > (done - 1) * 20 // steps:
            tell({"step": done, "steps": steps})

    return _drawn(explorer.complete(body.question(explorer), on_value, on_progress))


def _drawn(found: Completed) -> dict[str, Any]:
    info = found.info
    return {
        "done": True,
        "completions": flatten_events(found.x).tolist(),
        "method": str(info),
        "follows_model": info.exact and info.conditioning.way != "clamp",
        "conditioning": info.conditioning.as_dict() | {"poor": info.conditioning.is_poor},
        "stepwise": found.stepwise,
    }


def _predict(explorer: Explorer, body: Body, check: Check) -> dict[str, Any]:
    coefficient = body["coefficient"]
    found: Predictive = explorer.predict(body.question(explorer), coefficient, lambda *_: check())
    values = found.values.tolist()
    return {
        "coefficient": coefficient,
        "values": values,
        "texts": explorer.texts(coefficient, values),
        "log_prob": found.log_prob.tolist(),
        "density": found.density,
        "way": found.way,
        "reason": found.reason,
    }


def _uncertainty(explorer: Explorer, body: Body, check: Check) -> dict[str, Any]:
    found = explorer.uncertainty(body.question(explorer), lambda *_: check())
    answer = {"values": found.value.flatten().tolist(), "label": found.label, "how": str(found)}
    return answer | {"texts": explorer.deviations(found)}


def _order(explorer: Explorer, body: Body, check: Check) -> dict[str, Any]:
    return {"visits": explorer.visits(body.question(explorer), lambda *_: check())}


def _log_prob(explorer: Explorer, body: Body, check: Check) -> dict[str, Any]:
    asked = body.question(explorer)
    found = explorer.log_prob(asked, lambda *_: check())
    known = int(asked.evidence.mask.sum())
    if found is None:
        return {"known": known, "value": None, "standard_error": None, "exact": None}
    value, error = found.mean
    return {"known": known, "value": value, "standard_error": error, "exact": bool(found.exact.all())}
