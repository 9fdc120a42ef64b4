"""Reports made by hand, of any size and with any text in them: what no quick run would yield."""

from datetime import date

from skewtest.declare.delivery import SCENARIOS
from skewtest.report import model
from skewtest.report.merging import merge_reports
from skewtest.results.pair import PARITY, Pair

GIT = model.Git(revision="a" * 40, dirty=False, branch="main")
HOST = model.Host(system="Linux", machine="x86_64", cpus=2, python="3.11.7")


def run(**given):
    usual = {
        "time": "2026-01-02T03:04:05+00:00",
        "seconds": 12.5,
        "profile": "ci",
        "seed": 0,
        "command": "pytest",
        "git": GIT,
        "host": HOST,
        "packages": {"numpy": "2.4.0", "polars": "2.1.0"},
    }
    return model.Run(**usual | given)


def errors(*, largest=7.0):
    """Return errors of rounding: some pairs are so many ulps apart."""
    steps = model.Quantiles(p50=0.0, p90=0.0, p99=largest, max=largest)
    share = model.Quantiles(p50=0.0, p90=0.0, p99=largest * 1e-16, max=largest * 1e-16)
    return model.Errors(
        compared=10_000,
        equal=9_000,
        abs=share,
        rel=share,
        ulps=steps,
        smape=largest * 1e-16,
        histogram=[9_000, 800, 150, 50],
        points=[(float(n), float(n) if n % 7 else n * (1 + largest * 1e-16)) for n in range(60)],
    )


def tally(*, mismatch=0, compared=10_000, **given):
    usual = {"match": compared - mismatch, "mismatch": mismatch, "left_only": 0, "right_only": 0}
    return model.Tally(**usual | {"both_null": 0, "vacuity": 0.0, "errors": errors()} | given)


def example(text="a", columns=("user_id", "amount")):
    return model.Counterexample(
        events={"orders": [{"ts": "2024-03-01 00:00:00", **dict.fromkeys(columns, text)}]},
        spine=[{"user_id": text, "as_of": "2024-03-08 00:00:00"}],
        scenario="in_order",
        delivery=[
            step("event", "2024-03-01 00:00:00", "2024-03-01 00:00:00"),
            step("request", "2024-03-08 00:00:00", "2024-03-08 00:00:00"),
        ],
        drawing=[],
        timeline=model.Timeline(
            columns=["#", "ts", *columns, ""],
            rows=[
                ["1", "2024-03-01 00:00:00", *[text for _ in columns], text],
                ["?", "2024-03-08 00:00:00", *[text for _ in columns], "asked"],
            ],
        ),
        row=0,
    )


def step(what, time, arrival, number=0):
    return model.Step(
        step=what, number=number, source="orders", time=time, arrival=arrival, heard=True
    )


def finding(feature="f0", scenario="in_order", kind="value", **given):
    usual = {
        "feature": feature,
        "scenario": scenario,
        "kind": kind,
        "pair": PARITY,
        "cause": "unknown",
        "evidence": [],
        "side": None,
        "alone": True,
        "relation": None,
        "change": "",
        "attribution": None,
        "found_at": 7,
        "headline": f"v0.{feature}: batch and online disagree",
        "values": {feature: answer()},
        "unshown": 0,
        "failures": [],
        "corpus": None,
        "known": None,
        "counterexample": example(),
    }
    return model.Finding(**usual | given)


def answer(batch=0.0, online=1.0, **given):
    usual = {
        "left": batch,
        "right": online,
        "left_text": str(batch),
        "right_text": str(online),
        "difference": "1",
    }
    return model.Answer(**usual | given)


def outcome(view="v0", scenario="in_order", features=("f0",), findings=(), **given):
    findings = list(findings)
    usual = {
        "view": view,
        "scenario": scenario,
        "ok": not findings,
        "gates": True,
        "skipped": None,
        "cell": None,
        "seed": 0,
        "again": f'pytest -k "{view} and {scenario}"',
        "histories": 6_400,
        "planned": 6_400,
        "untested": [],
        "features": {name: tally() for name in features},
        "checks": [],
        "incidents": {"tie": 12, "burst": 0},
        "data": {},
        "mutated": [],
        "rejected": [],
        "early": [],
        "unkept": [],
        "excused": [],
        "stale": [],
        "seconds": seconds(),
        "latency": model.Latency(batch_us=10.0, online_us=20.0),
        "findings": findings,
    }
    return model.Outcome(**usual | given)


def check(law="determinism", side="batch", change="run again", state="held", **given):
    usual = {"histories": 256 if state in ("held", "broken") else 0}
    return model.Check(law=law, side=side, change=change, state=state, **usual | given)


def seconds(total=1.0):
    return model.Seconds(
        total=total, cpu=total, generate=0.1, batch=0.2, online=0.3, minimise=0.0, detect=None
    )


def view(name="v0", features=("f0",), **given):
    usual = {
        "name": name,
        "file": "features/declared.py",
        "line": 10,
        "entity": ["user_id"],
        "times": {"orders": "ts"},
        "windows": [7 * 86_400_000_000],
        "as_of": "exclusive",
        "scenarios": ["in_order"],
        "features": [
            model.Feature(name=one, tolerance="close()", line=11 + place)
            for place, one in enumerate(features)
        ],
        "implementations": [
            model.Implementation(
                side=side, name=f"features.{side}", file="features/code.py", line=5, digest="d" * 64
            )
            for side in ("batch", "online")
        ],
        "files": {"features/code.py": "e" * 64},
        "declaration": "f" * 64,
    }
    return model.View(**usual | given)


def report(*outcomes, views=None, incomplete=(), **given):
    held = outcomes or (outcome(),)
    known = views or [
        view(name, tuple(next(one for one in held if one.view == name).features))
        for name in dict.fromkeys(one.view for one in held)
    ]
    return merge_reports(
        [], outcomes=held, views=known, incomplete=incomplete, run=given.pop("run", run()), **given
    )


def environment(name, **given):
    usual = {"name": name, "packages": {"numpy": "2.0.0"}, "threads": 1}
    return model.Versions(**usual | given)


def large(views=50, features=4, scenarios=12, cells=1, failing=10):
    """Return a report of so many views, features, scenarios and cells; every `failing`-th fails."""
    names = SCENARIOS[:scenarios]
    packages = {f"package-{n}": f"{n}.1.2" for n in range(100)}
    found = []
    number = 0
    for place in range(views):
        mine = [f"feature_{n}" for n in range(features)]
        for name in names:
            for cell in range(cells):
                pair = [environment(one, packages=packages) for one in ("train", f"serve{cell}")]
                number += 1
                broken = number % failing == 0
                findings = [finding(mine[0], name)] if broken else []
                one = outcome(
                    f"view_{place}", name, mine, findings, cell=pair if cells > 1 else None
                )
                if broken:
                    one.features[mine[0]] = tally(mismatch=40, errors=errors(largest=1e16))
                found.append(one)
    return report(*found, run=run(packages=packages))


def hostile(text):
    """Return a report with a text in every place that users, or their data, have a say in."""
    text = text.encode("utf-8", "backslashreplace").decode()  # as every report is when it is made
    known = model.Known(owner=text, reason=text, expires=date(2027, 1, 1), expired=True)
    bad = finding(
        text,
        cause=text,
        evidence=[text],
        change=text,
        relation=text,
        side=text,
        headline=text,
        corpus=text,
        known=known,
        failures=[],
        values={text: answer(text, text, left_text=text, right_text=text, difference=text)},
        counterexample=example(text, (text, "amount")),
        attribution=model.Attribution(
            verdict="version skew",
            batch_differs=True,
            online_differs=False,
            logic_differs=False,
            culprits=(text,),
            answers=(model.EnvironmentAnswer(side="batch", environment=text, value=text),),
        ),
    )
    broken = finding(text, kind="error", headline=text, failures=[text], values={})
    one = outcome(
        text,
        features=(text,),
        findings=[bad, broken],
        skipped=text,
        untested=[text],
        incidents={text: 1},
        data={text: text},
        mutated=[model.Mutation(side="batch", name=text)],
        rejected=[model.Rejected(file=text, reason=text)],
        early=[model.Early(source=text, events=3, arrival=text, time=text)],
        tied=model.Tied(requests=3, features=(text,)),
        unkept=[text],
        checks=[check(law=text, change=text, reason=text, state="incomplete")],
        stale=[model.Stale(feature=text, kind=text, owner=text, reason=text)],
        cell=[environment(text, packages={text: text}), environment("serve")],
    )
    parting = model.Parting(
        side="batch",
        feature=text,
        groups=((text,), ("b",)),
        thresholds=(text,),
        values=(text, text),
        events=1,
    )
    spread = model.Spread(
        view=text,
        ok=False,
        histories=1,
        environments=[environment(text)],
        failed={text: text},
        parity={},
        partings=[parting],
        seconds=1.0,
    )
    compared = model.Compared(
        function=text,
        ok=False,
        inconclusive=False,
        environments=[environment(text), environment("b")],
        rows=1,
        culprits=[text],
        seconds=1.0,
        findings=[
            model.VersionFinding(
                kind="value",
                pair=Pair(text, "b"),
                cause=text,
                side=text,
                headline=text,
                failures=[text],
                rows=[{text: text}],
                places=[model.Place(text, "value", text, text, ulps=1)],
            )
        ],
    )
    matrix = model.Matrix(
        requested=[text], ran=[], failed={text: text}, excluded=0, pairs=[], valid_pairs=0
    )
    where = view(text, (text,), file=text, entity=[text])
    return report(
        one,
        views=[where],
        incomplete=[text],
        run=run(
            command=text,
            profile=text,
            git=model.Git(revision=text, dirty=True),
            packages={text: text},
        ),
        versions=[spread],
        compared=[compared],
        matrix=matrix,
    )
