"""Files that somebody has damaged or forged: each is read, or refused by name, and nothing else."""

import io
import json
import random
import sys
import time
import tomllib
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from mutations import mutate

import skewtest as sk
from skewtest.declare.known import known_of
from skewtest.environments.cache import FACTS, load_facts
from skewtest.environments.cells import cells_of
from skewtest.environments.locks import _load_kept_lock
from skewtest.errors import DeclarationError, ReportError, SkewtestError
from skewtest.harness.project import read_project
from skewtest.report import certificate, model
from skewtest.report.formats.html import html_page
from skewtest.report.formats.markdown import markdown
from skewtest.report.reading import report_from_file
from skewtest.report.trend import line_of, point_of, read_history
from skewtest.results import corpus
from skewtest.worker.codec import read_message, write_message
from skewtest.worker.operations import Lane
from skewtest.worker.parcels import pack_lanes, unpack_lanes

FEW, MANY = 300, 10_000
MOST_SECONDS = 5.0
VERSION_2 = Path(__file__).parents[1] / "report" / "kept" / "version2.json"
FORBIDDEN = ("pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.fork")
FORBIDDEN += (
    "os.posix_spawn",
    "socket.connect",
    "socket.bind",
    "os.remove",
    "os.rename",
    "os.mkdir",
)
WATCHED = []
"""What the audit hook has seen while a file was read, where it is to look."""


def watch(event, arguments):
    if not WATCHED:
        return
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    executes = event == "exec" and arguments[0].co_filename.startswith("<string")
    if event.startswith(FORBIDDEN) or writes or executes:
        WATCHED.append((event, arguments))


sys.addaudithook(watch)


# -- a right file of each kind, how it is read, and what it may raise ------------------------------

SOURCE = sk.Source(
    "orders",
    time="ts",
    columns={
        "user_id": sk.key(),
        "amount": sk.floats(0, 9, nullable=True),
        "status": sk.categories("a", "b"),
        "day": sk.timestamps(),
    },
)


def batch(orders, spine):
    counts = orders.group_by("user_id").agg(n=pl.len(), total=pl.col("amount").sum())
    answers = spine.join(counts, on="user_id", how="left")
    is_second = pl.col("n") == 2
    return answers.with_columns(n=pl.when(is_second).then(7).otherwise(0), total=pl.lit(0.0))


VIEWS = [
    sk.FeatureView(
        "odd",
        sources=[SOURCE],
        entity=["user_id"],
        batch=batch,
        online=sk.fold(
            dict, lambda state, event: state, lambda state, request: {"n": 0, "total": 0}
        ),
        features={"n": sk.exact(), "total": sk.close()},
        windows=[timedelta(days=7)],
        delivery=sk.Delivery(late=timedelta(hours=1), duplicates=True),
        relations=[],
    )
]
"""In a list, since pytest would check a view that is a global."""


@pytest.fixture(scope="module")
def result():
    return sk.check(VIEWS[0], histories=16, seed=1)


def text_of_kept(result, folder):
    return corpus.save(folder, result.findings[0]).read_bytes()


def read_kept(folder, content):
    file = folder / "odd" / "kept.json"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    return corpus.load(folder, VIEWS[0])


def text_of_report(result, folder):
    return model.to_json(result.part(folder))


def text_of_version_2(result, folder):
    return VERSION_2.read_bytes()


def read_report(folder, content):
    report = report_from_file(write(folder, content))
    html_page(report, None)
    markdown(report, None)
    return report


def text_of_history(result, folder):
    return line_of(point_of(result.part(folder))) * 2


def text_of_certificate(result, folder):
    report = result.part(folder)
    view = certificate._certify_view(report, report.views[0])
    certified = certificate.Certificate(
        verdict="parity", time="", revision="", dirty=False, python="3.11",
        packages={"polars": "1"}, views={"odd": view}, known=[], report="",
    )  # fmt: skip
    return certificate.to_json(certified)


CONFIG = b"""
[project]
name = "x"

[tool.skewtest]
views = ["a.b"]

[tool.skewtest.environments.train]
python = "3.11"
requirements = ["polars==1.30"]

[[tool.skewtest.matrix]]
batch = ["train"]
online = ["here"]

[[tool.skewtest.known]]
view = "odd"
feature = "n"
owner = "ann"
reason = "old"
expires = 2030-01-01
"""


def read_config(folder, content):
    file = write(folder, content, "pyproject.toml")
    project = read_project(file)
    known_of(list(project.known) if project.known else [], str(file))
    return cells_of(file)


def text_of_facts(result, folder):
    facts = {"name": "train", "python": "3.11.1", "packages": {"polars": "1.30"}, "asked": ["x"]}
    return json.dumps(facts, indent=1).encode()


def text_of_message(result, folder):
    lane = Lane(
        0,
        [0, 1],
        ["orders", "orders"],
        [{"a": 1, "t": timedelta(1)}, {"a": None, "t": None}],
        [1, 2],
        1,
    )
    pipe = io.BytesIO()
    write_message(pipe, {"lanes": pack_lanes([lane])}, (b"abc",))
    return pipe.getvalue()


def read_parcel(folder, content):
    pipe = io.BytesIO(content)

    def read(size):
        data = pipe.read(size) if size <= len(content) else b""
        if len(data) < size:
            raise EOFError
        return data

    message, _buffers = read_message(read)
    return list(unpack_lanes(message["lanes"]))


def write(folder, content, name="file"):
    path = folder / name
    path.write_bytes(content)
    return path


KINDS = {
    "kept counterexample": (text_of_kept, read_kept, ()),
    "report.json": (text_of_report, read_report, (ReportError,)),
    "report.json of version 2": (text_of_version_2, read_report, (ReportError,)),
    "history file": (
        text_of_history,
        lambda folder, content: read_history(write(folder, content)),
        (ReportError,),
    ),
    "certificate": (
        text_of_certificate,
        lambda folder, content: certificate.read_certificate(write(folder, content)),
        (ReportError,),
    ),
    "pyproject.toml": (
        lambda result, folder: CONFIG,
        read_config,
        (pytest.UsageError, DeclarationError, SkewtestError),
    ),
    "record of an environment": (
        text_of_facts,
        lambda folder, content: load_facts(write(folder, content, FACTS).parent),
        (),
    ),
    "lock of an environment": (
        lambda result, folder: b"numpy==1.26.4\npandas==2.2.2\n",
        lambda folder, content: _load_kept_lock(write(folder, content), ()),
        (),
    ),
    # Of our own process at the other end: what is broken there is told as one that died.
    "message of a worker": (text_of_message, read_parcel, (Exception,)),
}


def read_mutations(kind, result, folder, rounds, seed):
    make, read, refusals = KINDS[kind]
    content = make(result, folder)
    read(folder, content)
    draws = random.Random(seed)  # noqa: S311 - the same mutations in each run
    refused = 0
    for number in range(rounds):
        mutated = mutate(draws, content)
        began = time.process_time()
        WATCHED[:] = ["reading"]
        try:
            read(folder, mutated)
        except refusals:
            refused += 1
        except Exception as error:
            raise AssertionError(f"mutation {number} of {kind}: {mutated[:2_000]!r}") from error
        finally:
            seen, WATCHED[:] = WATCHED[1:], []
        assert time.process_time() - began < MOST_SECONDS, mutated[:2_000]
        # The test itself writes each mutation.
        assert [event for event in seen if not is_own(event, folder)] == []
    return refused


def is_own(event, folder):
    name, arguments = event
    return name in ("open", "os.mkdir") and str(arguments[0]).startswith(str(folder))


@pytest.mark.fault(
    "hundreds of damaged and forged files of each kind that is read",
    "each is read, or refused by name; nothing is executed, and nothing written elsewhere",
    ends="told",
)
@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files_are_read_or_refused(kind, result, tmp_path):
    read_mutations(kind, result, tmp_path, FEW, seed=1)


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_mutated_files_are_read_or_refused(kind, result, tmp_path):
    read_mutations(kind, result, tmp_path, MANY, seed=2)


def test_toml_of_the_test_is_what_it_says():
    assert tomllib.loads(CONFIG.decode())["tool"]["skewtest"]["views"] == ["a.b"]
