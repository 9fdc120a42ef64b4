"""Transforms: parity without a history, of a function of rows in training and in serving."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from skewtest.declare.columns import key
from skewtest.declare.relation import DefaultRelations
from skewtest.declare.source import Source
from skewtest.declare.tolerance import Tolerance
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.operations import event_dicts
from skewtest.drive.frames import columns_of, type_name
from skewtest.drive.guard import parameters_of
from skewtest.errors import DeclarationError
from skewtest.sides.functions import Caller, Frames
from skewtest.sides.wrapping import AdapterError, BatchWrapper, OnlineWrapper, name_function
from skewtest.worker.frames import kind_of

# The key of a transform's rows, which tells one from another in a frame.
ROW = "row"
# What a function of a row keeps by itself: a scaler that is fitted to its input does not.
LAWS = DefaultRelations(("spine_independence", "determinism", "pure_reads"))


class Transform(FeatureView):
    """A transformation of single rows, done one way in training and another way in serving.

    It is a view without a history: one-hot encodings, scaling, texts, an ONNX export. No source,
    key or `as_of` has to be made up.
    """

    __slots__ = ()

    def __init__(
        self,
        name: str,
        *,
        request: Mapping[str, object],
        left: Callable[..., Any],
        right: Callable[..., Any],
        features: Mapping[str, Tolerance],
        **more: Any,
    ) -> None:
        """Declare a transform.

        Args:
            name: letters, digits, `_`, `-` and `.`.
            request: the columns of a row: kinds of columns or Hypothesis strategies by name.
            left: training's function: of a frame, where its first parameter is annotated as one
                (polars, pandas, pyarrow), or of a row as a dict. A frame's answers are a frame of
                as many rows in the same order; a row's a dict of features, or the value where there
                is one feature.
            right: serving's function, likewise.
            features: `close()`, `exact()` or `vector(cosine=)` by feature name.
            more: further arguments of `FeatureView`: `equal`, `timeout`, `relations`, `zone`.

        Raises:
            DeclarationError: names the argument, what it got and what it wanted.
        """
        if not isinstance(request, Mapping) or not request:
            raise DeclarationError(
                f"Transform({name!r}): request must be a dict of columns, at least one; "
                f"got {request!r}"
            )
        if ROW in request or AS_OF in request:
            raise DeclarationError(
                f"Transform({name!r}): request cannot have the columns {ROW!r} and {AS_OF!r}; "
                "rename them"
            )
        for side, function in (("left", left), ("right", right)):
            if not callable(function):
                raise DeclarationError(
                    f"Transform({name!r}): {side} must be a function of a row or a frame; "
                    f"got {function!r}"
                )
        super().__init__(
            name,
            sources=[Source("rows", time="at", columns={ROW: key(variants=False)})],
            entity=[ROW],
            request=request,
            batch=OnFrames(left),
            online=OnRows(right),
            features=features,
            **{"relations": LAWS, **more},
        )


@dataclass(frozen=True, slots=True)
class OnFrames(BatchWrapper):
    """A transform's function, called for all rows at once."""

    def batch(
        self, view: FeatureView, frames: Frames, caller: Caller
    ) -> pl.DataFrame | list[dict[str, Any]]:
        """Return the spine's keys with what the function makes of its rows."""
        spine = frames["spine"]
        columns = _transform(view, self.function, spine, caller)
        rows = []
        for number, (row, as_of) in enumerate(spine.select(ROW, AS_OF).iter_rows()):
            features = {name: values[number] for name, values in columns.items()}
            rows.append({ROW: row, AS_OF: as_of, **features})
        if not rows:
            return pl.DataFrame(schema=dict.fromkeys((ROW, AS_OF, *view.features), pl.Null))
        return rows


@dataclass(frozen=True, slots=True)
class OnRows(OnlineWrapper):
    """A transform's function, called for one row at a time."""

    def start(self, view: FeatureView, caller: Caller) -> "RowService":
        """Return what answers requests."""
        return RowService(view, self.function, caller)


@dataclass(frozen=True, slots=True)
class RowService:
    """A function of a request alone."""

    view: FeatureView
    function: Callable[..., Any]
    caller: Caller

    def update(self, event: dict[str, Any]) -> None:
        """Learn nothing: there is no history."""

    def query(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the features of one row."""
        row = pl.DataFrame([request], schema=self.view.spine_schema, orient="row")
        columns = _transform(self.view, self.function, row, self.caller)
        return {name: values[0] for name, values in columns.items()}


def _transform(
    view: FeatureView, function: Callable[..., Any], spine: pl.DataFrame, caller: Caller
) -> Mapping[str, list[Any]]:
    """Return the features of the rows of a spine, as a function of a frame or of a row has them."""
    parameter = next(iter(parameters_of(function).values()), None)
    if parameter is None:
        raise AdapterError(
            f"{name_function(function)} takes no parameter; expected a row or a frame"
        )
    frame = spine.select(list(view.request))
    if _is_frame(parameter.annotation):
        columns = columns_of(caller.call(function, {parameter.name: frame}))
        if columns is None:
            raise AdapterError(f"{name_function(function)} returned no frame of rows")
        _check_shape(view, function, columns, spine.height)
        return columns
    answers: dict[str, list[Any]] = {name: [] for name in view.features}
    for row in event_dicts(frame.schema, frame):
        features = _features_of(view, function, caller.call(function, {parameter.name: row}))
        for name, values in answers.items():
            values.append(features[name])
    return answers


def _is_frame(annotation: Any) -> bool:
    """Return whether an annotation is a frame's: a row is what everything else is."""
    return bool(kind_of(annotation))


def _features_of(view: FeatureView, function: Callable[..., Any], answer: Any) -> dict[str, Any]:
    if not isinstance(answer, Mapping):
        if len(view.features) > 1:
            raise AdapterError(
                f"{name_function(function)} returned {type_name(answer)}; expected a dict of "
                f"{list(view.features)}"
            )
        return {next(iter(view.features)): answer}
    _check_names(view, function, list(answer))
    return dict(answer)


def _check_shape(
    view: FeatureView, function: Callable[..., Any], columns: Mapping[str, list[Any]], rows: int
) -> None:
    _check_names(view, function, list(columns))
    for values in columns.values():
        if len(values) != rows:
            raise AdapterError(
                f"{name_function(function)} returned {len(values)} rows for {rows}; "
                "a transform keeps them"
            )


def _check_names(view: FeatureView, function: Callable[..., Any], names: list[str]) -> None:
    lacking = [name for name in view.features if name not in names]
    extra = [name for name in names if name not in view.features and name not in view.request]
    if lacking or extra:
        raise AdapterError(
            f"{name_function(function)} returned the columns {names}; expected "
            f"{list(view.features)}. Declare what is more under features=, or leave it out."
        )
