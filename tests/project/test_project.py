from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scimport.codes import Code
from scimport.errors import ConfigError, StateError, UsageError
from scimport.model import Problem
from scimport.project import CsvSourceConfig, Project, SqlSourceConfig, find_project, open_project

Write = Callable[[str, str], Path]

PIPELINE = "source: employees\nmapping: employees\napp:\n  target: on-premises-ad\n  endpoint: sandbox\n"
SQL_SOURCE = "kind: sql\nurl: sqlite:///hr.db\nkey: id\nquery: "


def problems_of(load: Callable[[str], object], name: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(name)
    return caught.value.problems


def problem_of(load: Callable[[str], object], name: str) -> Problem:
    (problem,) = problems_of(load, name)
    return problem


class TestFinding:
    def test_upwards_from_a_folder(self, root: Path) -> None:
        (root / "mappings" / "schemas").mkdir()
        assert find_project(root / "mappings" / "schemas").root == root
        assert find_project(root).root == root

    def test_the_nearest_counts(self, root: Path) -> None:
        (root / "inner" / "pipelines").mkdir(parents=True)
        assert find_project(root / "inner" / "pipelines").root == root / "inner"

    def test_there_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "pipelines").touch()
        with pytest.raises(UsageError) as caught:
            find_project(tmp_path)
        assert caught.value.problems[0].code is Code.PROJECT_NOT_FOUND

    def test_a_named_folder_is_not_searched_upwards(self, root: Path) -> None:
        assert open_project(root).root == root
        with pytest.raises(UsageError, match="pipelines/"):
            open_project(root / "pipelines")


class TestLoading:
    def test_names(self, project: Project, write: Write) -> None:
        write("pipelines/contractors.yaml", "")
        write("pipelines/nightly.py", "")
        assert project.pipeline_names == ("contractors", "employees")
        assert project.source_names == project.mapping_names == ("employees",)

    def test_a_pipeline(self, project: Project) -> None:
        pipeline = project.pipeline("employees")
        assert pipeline.name == "employees"
        assert pipeline.config.app.target == "on-premises-ad"
        assert pipeline.document.file == "pipelines/employees.yml"
        assert pipeline.document.line(("app", "endpoint")) == 7

    def test_sources(self, project: Project, write: Write) -> None:
        assert isinstance(project.source("employees").config, CsvSourceConfig)
        write("sources/contractors.yml", SQL_SOURCE + "people.sql")
        write("sources/people.sql", "select 1")
        config = project.source("contractors").config
        assert isinstance(config, SqlSourceConfig)
        assert config.query == "people.sql"

    def test_only_the_variables_of_a_mapping_take_values(
        self, project: Project, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SCIMPORT_TEST_DOMAIN", "example.com")
        text = "vars: {domain: '${SCIMPORT_TEST_DOMAIN}'}\nwhere: '${X}'\nuser: {userName: '${X}'}\n"
        write("mappings/employees.yml", text)
        mapping = project.mapping("employees")
        assert mapping.config.vars == {"domain": "example.com"}
        assert (mapping.config.where, mapping.config.user) == ("${X}", {"userName": "${X}"})
        assert mapping.document.data["vars"] == {"domain": "${SCIMPORT_TEST_DOMAIN}"}

    def test_a_file_is_read_again_each_time(self, project: Project, write: Write) -> None:
        assert project.source("employees").config.min_rows == 0
        write("sources/employees.yml", "kind: csv\npath: x\nkey: y\nmin_rows: 5\n")
        assert project.source("employees").config.min_rows == 5

    def test_secrets_are_in_no_repr(
        self, project: Project, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SCIMPORT_TEST_TOKEN", "hunter2")
        write(
            "pipelines/employees.yml", PIPELINE + "  auth: {kind: token, token: '${SCIMPORT_TEST_TOKEN}'}\n"
        )
        write("sources/employees.yml", SQL_SOURCE + "select 1\nparams: {a: '${SCIMPORT_TEST_TOKEN}'}\n")
        shown = repr((project, project.pipeline("employees"), project.source("employees")))
        assert "hunter2" not in shown

    @pytest.mark.parametrize("name", ["", "employes", "../pipelines/employees", "employees.yml", "."])
    def test_a_name_that_is_not_there(self, project: Project, name: str) -> None:
        for load in (project.pipeline, project.source, project.mapping):
            with pytest.raises(UsageError) as caught:
                load(name)
            assert not isinstance(caught.value, ConfigError)
            assert "employees" in caught.value.problems[0].hint

    def test_two_files_of_one_name(self, project: Project, write: Write) -> None:
        write("sources/employees.yaml", "")
        problem = problem_of(project.source, "employees")
        assert (problem.file, problem.code) == ("sources/employees.yml", Code.BAD_VALUE)

    @pytest.mark.parametrize(
        ("text", "code", "hint"),
        [
            ("path: x\nkey: y\n", Code.MISSING_KEY, "kind: csv"),
            ("kind: cvs\n", Code.BAD_VALUE, "'csv'"),
            ("kind: [csv]\n", Code.BAD_VALUE, ""),
            ("kind: ${SCIMPORT_TEST_UNSET}\n", Code.MISSING_VARIABLE, ".env"),
        ],
    )
    def test_a_source_of_no_kind(
        self, project: Project, write: Write, text: str, code: Code, hint: str
    ) -> None:
        write("sources/employees.yml", text)
        problem = problem_of(project.source, "employees")
        assert (problem.code, problem.place, problem.field) == (code, "sources/employees.yml:1", "kind")
        assert hint in problem.hint


class TestReferences:
    @pytest.mark.parametrize(
        ("file", "text", "field", "hint"),
        [
            ("pipelines", PIPELINE.replace("source: employees", "source: employes"), "source", "'employees'"),
            ("pipelines", PIPELINE.replace("mapping: employees", "mapping: zzz"), "mapping", "employees"),
            ("sources", SQL_SOURCE + "people.sql\n", "query", "'peoples.sql'"),
            ("mappings", "extends: bas\n", "extends", "'base'"),
            ("mappings", "schemas: [badge.json, bagde.json]\n", "schemas[1]", "'badge.json'"),
        ],
    )
    def test_what_is_not_there(
        self, project: Project, write: Write, file: str, text: str, field: str, hint: str
    ) -> None:
        write("sources/peoples.sql", "select 1")
        write("mappings/base.yml", "")
        write("mappings/schemas/badge.json", "{}")
        path = write(f"{file}/employees.yml", text)
        load = {"pipelines": project.pipeline, "sources": project.source, "mappings": project.mapping}[file]
        problem = problem_of(load, "employees")
        assert (problem.code, problem.field) == (Code.MISSING_REFERENCE, field)
        assert problem.file == path.relative_to(project.root).as_posix()
        assert problem.line is not None
        assert hint in problem.hint

    def test_they_come_together_with_the_other_problems(self, project: Project, write: Write) -> None:
        write("pipelines/employees.yml", "leavers: x\nsource: nobody\nmapping: ${SCIMPORT_TEST_UNSET}\n")
        found = [(problem.line, problem.field) for problem in problems_of(project.pipeline, "employees")]
        assert found == [(1, "app"), (1, "leavers"), (2, "source"), (3, "mapping")]


class TestChains:
    def test_the_base_comes_first(self, project: Project, write: Write) -> None:
        write("mappings/base.yml", "user: {a: 1}\n")
        write("mappings/middle.yml", "extends: base\n")
        write("mappings/employees.yml", "extends: middle\n")
        assert [mapping.name for mapping in project.mapping_chain("employees")] == [
            "base",
            "middle",
            "employees",
        ]

    @pytest.mark.parametrize(
        ("names", "circle"), [("a", "a -> a"), ("ab", "a -> b -> a"), ("abc", "a -> b -> c -> a")]
    )
    def test_a_circle_is_refused(self, project: Project, write: Write, names: str, circle: str) -> None:
        for name, base in zip(names, names[1:] + names[0], strict=True):
            write(f"mappings/{name}.yml", f"description: x\nextends: {base}\n")
        write("mappings/employees.yml", "extends: a\n")
        problem = problem_of(project.mapping_chain, "employees")
        assert (problem.code, problem.line) == (Code.EXTENDS_CYCLE, 2)
        assert circle in problem.message

    def test_a_problem_of_the_base_names_its_file(self, project: Project, write: Write) -> None:
        write("mappings/base.yml", "usr: {}\n")
        write("mappings/employees.yml", "extends: base\n")
        assert problem_of(project.mapping_chain, "employees").file == "mappings/base.yml"

    def test_schemas_of_the_chain_are_loaded_once_each(self, project: Project, write: Write) -> None:
        write("mappings/schemas/a.json", '\ufeff{"id": "urn:a"}')
        write("mappings/schemas/b.json", '{"id": "urn:b"}')
        write("mappings/base.yml", "schemas: [a.json]\n")
        write("mappings/employees.yml", "extends: base\nschemas: [b.json, a.json]\n")
        schemas = project.schemas(project.mapping_chain("employees"))
        assert [(schema.file, schema.data) for schema in schemas] == [
            ("mappings/schemas/a.json", {"id": "urn:a"}),
            ("mappings/schemas/b.json", {"id": "urn:b"}),
        ]

    @pytest.mark.parametrize(("text", "line"), [("", 1), ('{\n"id": }', 2), ("[" * 100_000, None)])
    def test_a_schema_that_is_not_json(
        self, project: Project, write: Write, text: str, line: int | None
    ) -> None:
        write("mappings/schemas/a.json", text)
        write("mappings/employees.yml", "schemas: [a.json]\n")
        with pytest.raises(ConfigError) as caught:
            project.schemas(project.mapping_chain("employees"))
        (problem,) = caught.value.problems
        assert (problem.code, problem.file, problem.line) == (
            Code.BAD_SCHEMA,
            "mappings/schemas/a.json",
            line,
        )


class TestChecking:
    def test_a_right_project_has_no_problems(self, project: Project) -> None:
        assert project.check() == ()
        assert project.check("employees") == ()

    def test_everything_is_checked_and_told_once(self, project: Project, write: Write) -> None:
        write("scimport.toml", "[stat]\n")
        write("pipelines/other.yml", "source: employees\n")
        write("sources/unused.yml", "kind: csv\n")
        write("mappings/base.yml", "usr: {}\n")
        write("mappings/employees.yml", "extends: base\n")
        write("mappings/schemas/a.json", "x")
        write("mappings/custom.yml", "schemas: [a.json]\n")
        assert [(problem.file, problem.field) for problem in project.check()] == [
            ("scimport.toml", "stat"),
            ("pipelines/other.yml", "mapping"),
            ("pipelines/other.yml", "app"),
            ("sources/unused.yml", "key"),
            ("sources/unused.yml", "path"),
            ("mappings/base.yml", "usr"),
            ("mappings/schemas/a.json", ""),
        ]

    def test_a_pipeline_is_checked_with_what_it_names(self, project: Project, write: Write) -> None:
        write("sources/unused.yml", "kind: csv\n")
        write("sources/employees.yml", "kind: csv\npath: x\n")
        write("pipelines/employees.yml", PIPELINE + "leavers: x\n")
        assert [problem.file for problem in project.check("employees")] == [
            "pipelines/employees.yml",
            "sources/employees.yml",
        ]

    def test_a_file_that_is_not_yaml_hides_no_other(self, project: Project, write: Write) -> None:
        write("pipelines/employees.yml", "a: [\n")
        write("mappings/employees.yml", "usr: {}\n")
        assert [problem.code for problem in project.check()] == [Code.YAML_SYNTAX, Code.UNKNOWN_KEY]
        assert [problem.code for problem in project.check("employees")] == [Code.YAML_SYNTAX]

    def test_a_wrong_env_file_is_told_once(self, project: Project, write: Write) -> None:
        write(".env", "A='\n")
        assert [problem.file for problem in project.check()] == [".env"]

    def test_an_unknown_pipeline(self, project: Project) -> None:
        with pytest.raises(UsageError, match="no pipeline 'employes'"):
            project.check("employes")


class TestState:
    def test_the_data_folder_is_its_owners_and_not_gits(self, project: Project) -> None:
        folder = project.data_dir
        assert folder == project.root / ".scimport"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / ".gitignore").read_text() == "*\n"
        assert project.data_dir == folder

    def test_a_data_folder_that_cannot_be_made(self, project: Project) -> None:
        (project.root / ".scimport").touch()
        with pytest.raises(StateError, match="cannot be made"):
            _ = project.data_dir

    def test_the_state_is_sqlite_in_the_data_folder(self, project: Project) -> None:
        assert project.state_url == f"sqlite:///{project.root}/.scimport/state.db"

    def test_the_environment_goes_before_the_file(
        self, project: Project, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write("scimport.toml", '[state]\nurl = "postgresql://h/file"\n')
        assert project.state_url == "postgresql://h/file"
        monkeypatch.setenv("SCIMPORT_STATE_URL", "postgresql://h/environment")
        assert Project(project.root).state_url == "postgresql://h/environment"
        assert not (project.root / ".scimport").exists()

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("sqlite:///state.db", "sqlite:///{root}/state.db"),
            (
                "sqlite+pysqlite:///data/state.db?timeout=5",
                "sqlite+pysqlite:///{root}/data/state.db?timeout=5",
            ),
            ("sqlite:////var/state.db", "sqlite:////var/state.db"),
            ("sqlite:///:memory:", "sqlite:///:memory:"),
            ("sqlite://", "sqlite://"),
            ("postgresql:///state", "postgresql:///state"),
        ],
    )
    def test_a_relative_path_of_sqlite_is_the_projects(
        self, project: Project, monkeypatch: pytest.MonkeyPatch, url: str, expected: str
    ) -> None:
        monkeypatch.setenv("SCIMPORT_STATE_URL", url)
        assert project.state_url == expected.format(root=project.root)


def test_loading_a_project_imports_nothing_heavy(root: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from scimport.project import Project\n"
        f"assert Project(Path({str(root)!r})).check() == ()\n"
        "heavy = {'pandas', 'prefect', 'sqlalchemy', 'azure', 'jsonschema', 'httpx', 'cronsim', 'dotenv'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
