"""What user code did wrong: what was got, what was expected, and the next step."""

from collections.abc import Callable, Mapping

from skewtest.declare.divergence import FailureCode
from skewtest.errors import listed, nearest
from skewtest.sides.answers import Failure
from skewtest.tracebacks import format_user_traceback

SIDES = ("batch", "online")
HEADLINES: Mapping[FailureCode, str] = {
    "raised": "{side} fails",
    "crashed": "{side} takes its process down",
    "timeout": "{side} hangs",
    "not_given": "{side} implementation is missing",
    "not_a_frame": "{side} returns no frame",
    "missing_columns": "{side} lacks columns",
    "wrong_parameters": "{side} asks for unknown frames",
    "bad_key_type": "{side} returns keys of a wrong type",
    "no_method": "{side} object lacks a method",
    "not_a_mapping": "{side} answers with no dict",
    "missing_feature": "{side} lacks a feature",
    "odd_value": "{side} returns a value of an unknown type",
    "tolerance": "tolerance does not suit the values",
    "codec": "the wire format fails",
    "store": "the store fails",
    "bad_snapshot": "{side} snapshot cannot be used",
    "fit": "nothing could be fitted",
}
"""What a side did wrong, in a few words, by code."""


def failure_headline(failure: Failure) -> str:
    """Return what a side did wrong, in a few words."""
    if failure.code == "raised" and failure.exception is not None:
        return f"{failure.side} raises {type(failure.exception).__name__}"
    return HEADLINES[failure.code].format(side=failure.side)


def failure_text(failure: Failure) -> str:
    """Return a failure with what was got, what was expected and the next step."""
    return TEXTS[failure.code](failure)


def _word_timeout(failure: Failure) -> str:
    # A function that is compared under two environments belongs to no view.
    setting = "FeatureView(timeout=...)" if failure.side in SIDES else "timeout="
    return (
        f"{failure.side} did not return within {failure.facts['seconds']:g} s. "
        f"Give it more with {setting}, or look for a loop that never ends."
    )


def _word_not_given(failure: Failure) -> str:
    return (
        f"The view is registered without {_article(failure.side)} implementation. "
        f"Give one with FeatureView({failure.side}=...)."
    )


def _word_not_a_frame(failure: Failure) -> str:
    return (
        f"batch returned {failure.facts['type']}; expected a frame (polars, pandas, pyarrow) or a "
        "list of dicts, with the entity, as_of and the features as columns."
    )


def _word_missing_columns(failure: Failure) -> str:
    lacking, got = failure.facts["lacking"], failure.facts["got"]
    claim = f"batch returned no column {listed(lacking)}; it returned {listed(got)}."
    return claim + nearest(lacking[0], got)


def _word_wrong_parameters(failure: Failure) -> str:
    names, frames = failure.facts["names"], failure.facts["known"]
    return (
        f"The function has the parameter {listed(names)}; frames are passed by "
        f"name, and there are {listed(frames)}." + nearest(names[0], frames)
    )


def _word_bad_key_type(failure: Failure) -> str:
    return f"The key columns of batch hold {failure.facts['got']}; as_of must be a datetime."


def _word_no_method(failure: Failure) -> str:
    facts = failure.facts
    return (
        f"{facts['type']} has no {facts['verb']}(); it has {listed(facts['has'])}. "
        "An online object needs update(event) and query(request)."
        + nearest(facts["verb"], facts["has"])
    )


def _word_not_a_mapping(failure: Failure) -> str:
    return (
        f"query() returned {failure.facts['type']}: {failure.facts['value']}; expected a dict of "
        "features, or None for no row."
    )


def _word_missing_feature(failure: Failure) -> str:
    feature, got = failure.facts["feature"], failure.facts["got"]
    return f"query() returned no {feature!r}; it returned {listed(got)}." + nearest(feature, got)


def _word_odd_value(failure: Failure) -> str:
    facts = failure.facts
    return (
        f"{failure.side} returned {_article(facts['type'])} as {facts['feature']!r}; "
        "expected numbers, strings, booleans, times, lists, dicts or None."
    )


def _word_tolerance(failure: Failure) -> str:
    facts = failure.facts
    return (
        f"{facts['feature']!r} is declared close() or vector(), but its values are "
        f"{facts['family']}s; declare it exact(), or close(abs=timedelta(...)) for times."
    )


def _word_crashed(failure: Failure) -> str:
    claim = f"{failure.side} ended its process: {failure.facts['how']}."
    # Native code that aborts says why on stderr, and nowhere else.
    last_words = failure.facts["last"].strip()
    return f"{claim}\n\n{last_words}" if last_words else claim


def _word_codec(failure: Failure) -> str:
    claim = f"The function of Delivery(wire=...) must return a payload; {failure.facts['told']}."
    return _add_cause(claim, failure)


def _word_store(failure: Failure) -> str:
    return _add_cause(f"The store could not take {failure.facts['feature']!r}.", failure)


def _word_fit(failure: Failure) -> str:
    return _add_cause("The function of FeatureView(fitted=...) failed.", failure)


def _word_bad_snapshot(failure: Failure) -> str:
    return f"{failure.facts['told']}."


def _add_cause(claim: str, failure: Failure) -> str:
    """Return what went wrong, and the traceback of what the owner's function raised."""
    if failure.exception is None:
        return claim
    return f"{claim}\n\n{user_traceback(failure)}"


def user_traceback(failure: Failure) -> str:
    """Return the traceback of an exception without our own frames."""
    error = failure.exception
    if error is None:
        return ""
    # What was raised in another process comes with the traceback that it had there.
    remote = getattr(error, "remote_traceback", "")
    if remote:
        return _operation(failure) + str(remote).rstrip()
    # The user's mistake is in the user's frames: ours would only push them out of sight.
    return _operation(failure) + format_user_traceback(error)


def _operation(failure: Failure) -> str:
    """Return at which operation of a history it happened, where that is known."""
    if "operation" not in failure.facts:
        return ""
    return f"at operation {failure.facts['operation']} of {failure.facts['of']}\n"


def _article(noun: str) -> str:
    # Not before a "u": types are called uint8 and UUID.
    article = "an" if noun[0].lower() in "aeio" else "a"
    return f"{article} {noun}"


TEXTS: Mapping[FailureCode, Callable[[Failure], str]] = {
    "raised": user_traceback,
    "crashed": _word_crashed,
    "timeout": _word_timeout,
    "not_given": _word_not_given,
    "not_a_frame": _word_not_a_frame,
    "missing_columns": _word_missing_columns,
    "wrong_parameters": _word_wrong_parameters,
    "bad_key_type": _word_bad_key_type,
    "no_method": _word_no_method,
    "not_a_mapping": _word_not_a_mapping,
    "missing_feature": _word_missing_feature,
    "odd_value": _word_odd_value,
    "tolerance": _word_tolerance,
    "codec": _word_codec,
    "store": _word_store,
    "bad_snapshot": _word_bad_snapshot,
    "fit": _word_fit,
}
"""What is said of each failure, by code."""
