from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scimport.codes import Code
from scimport.model import Place, Problem
from scimport.sources import Source
from scimport.sources.files import without_secrets

Read = Callable[..., list[list[str]]]
Refused = Callable[..., Problem]

CONTENT = b"id,name\n1,Ann\n"
ROWS = [["1", "Ann"]]


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, CONTENT)
    return out.getvalue()


class TestNames:
    def test_absolute(self, tmp_path: Path, read_csv: Read) -> None:
        assert read_csv(CONTENT, path=str(tmp_path / "people.csv")) == ROWS
        assert read_csv(path=str(tmp_path / "p*.csv")) == ROWS

    def test_signs_of_a_glob_in_a_name(self, tmp_path: Path, read_csv: Read) -> None:
        (tmp_path / "people [new].csv").write_bytes(CONTENT)
        assert read_csv(path="people [new].csv") == ROWS

    def test_shown_relative_to_the_project(self, tmp_path: Path, csv_source: Callable[..., Source]) -> None:
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub/a.csv").write_bytes(CONTENT)
        assert csv_source(path=f"{tmp_path}/sub/a.csv").place(2) == Place("sub/a.csv", 2)

    def test_not_there(self, refused: Refused) -> None:
        problem = refused(CONTENT, path="pepole.csv")
        assert (problem.code, problem.file) == (Code.SOURCE_NOT_FOUND, "pepole.csv")
        assert problem.hint == "Did you mean people.csv?"

    def test_folder_not_there(self, tmp_path: Path, refused: Refused) -> None:
        (tmp_path / "sample_data").mkdir()
        problem = refused(path="sampel_data/people.csv")
        assert problem.hint == "Did you mean sample_data?"

    def test_nothing_matches(self, refused: Refused) -> None:
        problem = refused(path="in/*.csv")
        assert (problem.code, problem.file) == (Code.SOURCE_NOT_FOUND, "in/*.csv")

    def test_folder(self, tmp_path: Path, refused: Refused) -> None:
        (tmp_path / "in").mkdir()
        problem = refused(path="in/")
        assert problem.code is Code.SOURCE_UNREADABLE
        assert "in/*.csv" in problem.hint

    def test_pipe(self, tmp_path: Path, refused: Refused) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert refused(path="pipe").code is Code.SOURCE_UNREADABLE

    def test_impossible_name(self, refused: Refused) -> None:
        assert refused(path="x" * 5000).code is Code.SOURCE_UNREADABLE

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
    def test_no_permission(self, tmp_path: Path, refused: Refused) -> None:
        (tmp_path / "people.csv").write_bytes(CONTENT)
        (tmp_path / "people.csv").chmod(0o600)
        for folder in (tmp_path, *tmp_path.parents[:-2]):
            folder.chmod(0o755)
        os.seteuid(65_534)
        try:
            problem = refused()
        finally:
            os.seteuid(0)
        assert problem.code is Code.SOURCE_UNREADABLE
        assert "permission" in problem.message


class TestCompression:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.csv.gz", gzip.compress(CONTENT, mtime=0)),
            ("a.csv.bz2", bz2.compress(CONTENT)),
            ("a.CSV.XZ", lzma.compress(CONTENT)),
            ("a.zip", zipped("__MACOSX/._a.csv", "sub/", "sub/a.csv", "read.me")),
            ("b.zip", zipped("people.txt")),
        ],
    )
    def test_unpacked(self, tmp_path: Path, read_csv: Read, name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        assert read_csv(path=name) == ROWS

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.gz", CONTENT),
            ("a.gz", gzip.compress(CONTENT * 5000, mtime=0)[:-20]),
            ("a.gz", gzip.compress(CONTENT * 5000, mtime=0)[:60] + b"\xff" * 90),
            ("a.bz2", CONTENT),
            ("a.bz2", bz2.compress(CONTENT * 5000)[:-9]),
            ("a.xz", CONTENT),
            ("a.xz", lzma.compress(CONTENT * 5000)[:-30]),
            ("a.zip", CONTENT),
            ("a.zip", zipped("a.csv")[:-20]),
        ],
    )
    def test_damaged(self, tmp_path: Path, refused: Refused, name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        problem = refused(path=name)
        assert problem.code is Code.SOURCE_UNREADABLE
        assert problem.file == name

    @pytest.mark.parametrize(("names", "count"), [((), 0), (("a.csv", "b.csv"), 2), (("a", "b"), 2)])
    def test_zip_of_several(
        self, tmp_path: Path, refused: Refused, names: tuple[str, ...], count: int
    ) -> None:
        (tmp_path / "a.zip").write_bytes(zipped(*names))
        assert f"it holds {count}" in refused(path="a.zip").message

    def test_zip_with_a_password(self, tmp_path: Path, refused: Refused) -> None:
        content = bytearray(zipped("a.csv"))
        for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            content[content.index(header) + flags] |= 1
        (tmp_path / "a.zip").write_bytes(content)
        problem = refused(path="a.zip")
        assert problem.code is Code.SOURCE_UNREADABLE
        assert "encrypted" in problem.message

    def test_faults_behind_compression(self, tmp_path: Path, refused: Refused) -> None:
        (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b'id,name\n1,a\n2,"b', mtime=0))
        assert refused(path="a.csv.gz").place == "a.csv.gz:3"


class TestUrls:
    @pytest.fixture
    def memory(self) -> Iterator[Callable[[str, bytes], None]]:
        fsspec = pytest.importorskip("fsspec")
        system = fsspec.filesystem("memory")
        yield system.pipe_file
        system.store.clear()

    def test_memory(self, memory: Callable[[str, bytes], None], read_csv: Read) -> None:
        memory("/in/a.csv", CONTENT)
        memory("/in/b.csv.gz", gzip.compress(CONTENT, mtime=0))
        assert read_csv(path="memory://in/a.csv") == ROWS
        assert read_csv(path="memory://in/*") == ROWS * 2

    def test_file(self, tmp_path: Path, read_csv: Read) -> None:
        assert read_csv(CONTENT, path=f"file://{tmp_path}/people.csv") == ROWS

    def test_chained(self, tmp_path: Path, read_csv: Read) -> None:
        (tmp_path / "a.zip").write_bytes(zipped("a.csv", "b.csv"))
        assert read_csv(path=f"zip://b.csv::file://{tmp_path}/a.zip") == ROWS

    def test_not_there(self, refused: Refused) -> None:
        problem = refused(path="memory://in/a.csv")
        assert (problem.code, problem.file) == (Code.SOURCE_NOT_FOUND, "memory://in/a.csv")
        assert refused(path="memory://in/*.csv").code is Code.SOURCE_NOT_FOUND

    def test_faults_have_their_line(self, memory: Callable[[str, bytes], None], refused: Refused) -> None:
        memory("/a.csv", b"id,name\n1,\xff\n")
        assert refused(path="memory://a.csv").place == "memory://a.csv:2"

    def test_unknown_protocol(self, refused: Refused) -> None:
        assert refused(path="gopher://x/a.csv").code is Code.SOURCE_UNREADABLE

    def test_driver_missing(self, refused: Refused) -> None:
        problem = refused(path="s3://user:hunter22@bucket/a.csv?signature=very-secret")
        assert problem.file == "s3://bucket/a.csv"
        assert "s3fs" in problem.message
        assert "pip" in problem.hint
        assert "hunter22" not in repr(problem)
        assert "very-secret" not in repr(problem)

    def test_options_are_secret(self, refused: Refused) -> None:
        problem = refused(path="file:///none/a.csv", storage_options={"hunter22": ["hunter22"]})
        assert "hunter22" not in repr(problem)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://bucket/a@b.csv", "s3://bucket/a@b.csv"),
        ("sftp://hr:pw@host:22/a.csv", "sftp://host:22/a.csv"),
        ("sftp://hr:p/w@host/a.csv", "sftp://host/a.csv"),
        ("sftp://hr:p?w#@host/a.csv", "sftp://host/a.csv"),
        ("https://host:8080/a.csv?sig=abc@d#e", "https://host:8080/a.csv"),
        ("zip://x.csv::https://u:p@host/a.zip?sig=1", "zip://x.csv::https://host/a.zip"),
        ("memory://a.csv", "memory://a.csv"),
    ],
)
def test_without_secrets(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
