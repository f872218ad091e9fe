from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from scimport.project.config import (
    AppConfig,
    CertificateAuth,
    ClientSecretAuth,
    ManagedIdentityAuth,
    MappingConfig,
    PipelineConfig,
    ScheduleConfig,
    SettingsConfig,
    TokenAuth,
    WorkloadIdentityAuth,
)
from scimport.project.keys import Config
from scimport.project.source_config import ColumnContract, CsvSourceConfig, SqlSourceConfig, query_file

CSV = {"kind": "csv", "path": "people.csv", "key": "id"}
SQL = {"kind": "sql", "url": "sqlite:///hr.db", "query": "select 1", "key": "id"}
APP = {"target": "entra-id", "endpoint": "sandbox"}


def refused(model: type[Config], **data: Any) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data)
    (error,) = caught.value.errors(include_url=False)
    return dict(error)


def test_defaults_of_a_csv_source() -> None:
    config = CsvSourceConfig(path="people.csv", key="id")
    assert (config.encoding, config.delimiter, config.quotechar) == ("utf-8", ",", '"')
    assert (config.trim, config.duplicates, config.extent, config.min_rows) == (True, "reject", "full", 0)
    assert (config.kind, config.columns, config.storage_options) == ("csv", {}, {})


def test_defaults_of_a_pipeline() -> None:
    config = PipelineConfig.model_validate({"source": "a", "mapping": "b", "app": APP})
    assert (config.leavers, config.schedule, config.description) == ("report", None, "")
    assert (config.app.kind, config.app.auth, config.app.daily_calls) == ("entra", "none", 2000)
    assert (config.app.bucket_full_wait, config.app.trusted_hosts) == (300.0, ())


@pytest.mark.parametrize("by", ["processes", "dask"])
def test_who_examines_is_said_in_one_word_too(by: str) -> None:
    pipeline = {"source": "a", "mapping": "b", "app": APP}
    short, long = (PipelineConfig.model_validate(pipeline | {"engine": one}) for one in (by, {"by": by}))
    assert short.engine == long.engine
    assert short.engine.by == by


def test_nothing_changes_after_loading() -> None:
    with pytest.raises(ValidationError):
        CsvSourceConfig(path="people.csv", key="id").min_rows = 5


def test_a_key_without_a_value_is_absent() -> None:
    config = MappingConfig.model_validate(
        {"vars": None, "schemas": None, "clear": None, "user": None, "where": None}
    )
    assert config == MappingConfig()


def test_an_unknown_key_without_a_value_is_still_refused() -> None:
    assert refused(MappingConfig, usr=None)["type"] == "extra_forbidden"


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("5m", 300),
        ("90s", 90),
        ("1h", 3600),
        ("2d", 172800),
        ("1.5 h", 5400),
        ("45", 45),
        (45, 45),
        (0.5, 0.5),
        (0, 0),
    ],
)
def test_durations(written: object, seconds: float) -> None:
    wait = AppConfig.model_validate({**APP, "bucket_full_wait": written}).bucket_full_wait
    assert wait == seconds
    assert type(wait) is float


@pytest.mark.parametrize(
    "written",
    ["", "m", "5 minutes", "-5m", -1, True, "1h30m", "1e3", 10**400, float("nan"), float("inf"), [5], "367d"],
)
def test_what_is_no_duration(written: object) -> None:
    assert "duration" in refused(AppConfig, **APP, bucket_full_wait=written)["msg"]


@pytest.mark.parametrize("written", [6000, "6000", " 6000 "])
def test_numbers_may_come_from_the_environment(written: object) -> None:
    assert AppConfig.model_validate({**APP, "daily_calls": written}).daily_calls == 6000
    assert CsvSourceConfig.model_validate({**CSV, "min_rows": written}).min_rows == 6000


@pytest.mark.parametrize("written", [True, 1.0, "1.0", "", "0x1", "1_0", "9" * 5000])
def test_what_is_no_whole_number(written: object) -> None:
    assert refused(CsvSourceConfig, **CSV, min_rows=written)["type"] == "int_type"


@pytest.mark.parametrize(
    ("written", "value"),
    [(True, True), (False, False), ("yes", True), ("Off", False), ("TRUE", True), ("no", False)],
)
def test_booleans(written: object, value: bool) -> None:
    assert CsvSourceConfig.model_validate({**CSV, "trim": written}).trim is value


@pytest.mark.parametrize("written", [1, 0, "1", "ja", "", []])
def test_what_is_no_boolean(written: object) -> None:
    assert refused(CsvSourceConfig, **CSV, trim=written)["type"] == "bool_type"


@pytest.mark.parametrize(
    ("written", "value"), [(";", ";"), ("tab", "\t"), ("\\t", "\t"), ("\t", "\t"), ("§", "§")]
)
def test_delimiters(written: str, value: str) -> None:
    assert CsvSourceConfig.model_validate({**CSV, "delimiter": written}).delimiter == value


@pytest.mark.parametrize("written", ["", ";;", "\n", "comma"])
def test_what_is_no_delimiter(written: str) -> None:
    assert refused(CsvSourceConfig, **CSV, delimiter=written)["type"] == "refused"


def test_quotes_and_delimiter_differ() -> None:
    assert refused(CsvSourceConfig, **CSV, delimiter=";", quotechar=";")["ctx"]["key"] == "quotechar"


@pytest.mark.parametrize("written", ["utf-8", "UTF-16", "cp1252", "latin-1", "utf-8-sig"])
def test_encodings(written: str) -> None:
    assert CsvSourceConfig.model_validate({**CSV, "encoding": written}).encoding == written


@pytest.mark.parametrize("written", ["utf-99", "rot13", "base64", "", "a\0b"])
def test_what_is_no_encoding(written: str) -> None:
    assert refused(CsvSourceConfig, **CSV, encoding=written)["type"] == "refused"


def test_a_contract() -> None:
    data = {
        "required": True,
        "type": "date",
        "format": "%d.%m.%Y",
        "values": ["a", 1, -2],
        "pattern": "[0-9]+",
    }
    contract = ColumnContract.model_validate(data)
    assert contract.values == ("a", "1", "-2")
    columns = {"id": None, "hired": data}
    assert CsvSourceConfig.model_validate({**CSV, "columns": columns}).columns == {
        "id": None,
        "hired": contract,
    }


@pytest.mark.parametrize("written", ["yyyy-mm-dd", "%Q", "%-d.%m.%Y", "%d %d", "", "%Y%"])
def test_what_is_no_date_format(written: str) -> None:
    assert refused(ColumnContract, type="date", format=written)["type"] == "refused"


def test_a_format_is_for_dates() -> None:
    assert refused(ColumnContract, type="text", format="%Y")["ctx"]["key"] == "format"


@pytest.mark.parametrize("written", ["[", "(?P<a>x)(?P<a>y)", "*", "a{99999999999}"])
def test_what_is_no_pattern(written: str) -> None:
    assert refused(ColumnContract, pattern=written)["type"] == "refused"


@pytest.mark.parametrize("values", [[True], [1.5], [None], "a"])
def test_what_are_no_values(values: object) -> None:
    assert refused(ColumnContract, values=values)["type"] in ("string_type", "tuple_type")


def test_a_sql_source() -> None:
    config = SqlSourceConfig.model_validate(
        {**SQL, "params": {"a": 1, "b": "x", "c": None, "d": 1.5, "e": True}}
    )
    assert config.url.get_secret_value() == "sqlite:///hr.db"
    assert config.params == {"a": 1, "b": "x", "c": None, "d": 1.5, "e": True}
    assert type(config.params["e"]) is bool


@pytest.mark.parametrize("written", [[1], {"x": 1}])
def test_a_parameter_is_one_value(written: object) -> None:
    assert refused(SqlSourceConfig, **SQL, params={"a": written})["loc"] == ("params", "a")


def test_a_database_url_has_a_scheme() -> None:
    assert refused(SqlSourceConfig, **{**SQL, "url": "hr.db"})["type"] == "refused"


@pytest.mark.parametrize(
    ("query", "file"),
    [
        ("people.sql", "people.sql"),
        (" people.sql\n", "people.sql"),
        ("sub/people.sql", "sub/people.sql"),
        ("select * from people", None),
        ("select * from people.sql", None),
    ],
)
def test_a_query_is_sql_or_a_file(query: str, file: str | None) -> None:
    assert query_file(query) == file


AUTHS: list[tuple[dict[str, str], type[Config]]] = [
    (
        {"kind": "client_secret", "tenant_id": "t", "client_id": "c", "client_secret": "hunter2"},
        ClientSecretAuth,
    ),
    (
        {"kind": "certificate", "tenant_id": "t", "client_id": "c", "path": "p.pem", "password": "hunter2"},
        CertificateAuth,
    ),
    ({"kind": "certificate", "tenant_id": "t", "client_id": "c", "path": "p.pem"}, CertificateAuth),
    ({"kind": "managed_identity"}, ManagedIdentityAuth),
    ({"kind": "managed_identity", "client_id": "c"}, ManagedIdentityAuth),
    ({"kind": "workload_identity"}, WorkloadIdentityAuth),
    (
        {"kind": "workload_identity", "tenant_id": "t", "client_id": "c", "token_file": "f"},
        WorkloadIdentityAuth,
    ),
    ({"kind": "token", "token": "hunter2"}, TokenAuth),
]


@pytest.mark.parametrize(("data", "model"), AUTHS)
def test_kinds_of_sign_in(data: dict[str, str], model: type[Config]) -> None:
    config = AppConfig.model_validate({**APP, "auth": data})
    assert type(config.auth) is model
    assert AppConfig.model_validate({**APP, "auth": config.auth}).auth == config.auth
    assert "hunter2" not in repr(config) + str(config)


@pytest.mark.parametrize(
    "auth", ["token", 1, [], {}, {"token": "x"}, {"kind": "tokn"}, {"kind": 1}, {"kind": ["token"]}]
)
def test_what_is_no_sign_in(auth: object) -> None:
    assert refused(AppConfig, **APP, auth=auth)["type"] == "refused"


def test_a_real_endpoint_says_how_to_sign_in() -> None:
    app = {**APP, "endpoint": "https://graph.microsoft.com/x"}
    assert refused(AppConfig, **app)["ctx"]["key"] == "auth"
    assert AppConfig.model_validate({**app, "auth": "none"}).auth == "none"


@pytest.mark.parametrize("endpoint", ["", "sandbx", "graph.microsoft.com", "ftp://x"])
def test_what_is_no_endpoint(endpoint: str) -> None:
    assert refused(AppConfig, **{**APP, "endpoint": endpoint}, auth="none")["type"] == "refused"


@pytest.mark.parametrize("host", ["https://x", "x/y", "user@x", "*.x", "", "x y"])
def test_what_is_no_host(host: str) -> None:
    assert refused(AppConfig, **APP, trusted_hosts=[host])["loc"] == ("trusted_hosts", 0)


def test_hosts() -> None:
    hosts = ["hr.example.com", "hr.example.com:8443", "[::1]:8443", "127.0.0.1"]
    assert AppConfig.model_validate({**APP, "trusted_hosts": hosts}).trusted_hosts == tuple(hosts)


@pytest.mark.parametrize(
    "cron", ["0 5 * * *", "*/15 8-18 * * mon-fri", "0 0 1,15 * *", "0 0 L * *", "30 2 * 1-6/2 5#2"]
)
def test_cron(cron: str) -> None:
    assert ScheduleConfig.model_validate({"cron": cron, "timezone": "Europe/Berlin"}).cron == cron


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "0 5 * *",
        "0 0 5 * * *",
        "@daily",
        "60 5 * * *",
        "0 5 * * mon-fry",
        "0 5 30 2 *",
        "0 0 LW * *",
        "x x x x x",
    ],
)
def test_what_is_no_cron(cron: str) -> None:
    assert refused(ScheduleConfig, cron=cron)["type"] == "refused"


def test_an_interval() -> None:
    assert ScheduleConfig.model_validate({"interval": "4h"}).interval == 4 * 3600


@pytest.mark.parametrize(
    "data", [{}, {"cron": "0 5 * * *", "interval": "1h"}, {"interval": 5}, {"timezone": "UTC"}]
)
def test_what_is_no_schedule(data: dict[str, Any]) -> None:
    assert refused(ScheduleConfig, **data)["type"] == "refused"


@pytest.mark.parametrize(
    "zone", ["Europe/Berln", "", "../../etc/passwd", "/etc/passwd", "Europe", "a\0b", "x" * 5000]
)
def test_what_is_no_time_zone(zone: str) -> None:
    assert refused(ScheduleConfig, cron="0 5 * * *", timezone=zone)["type"] == "refused"


@pytest.mark.parametrize("name", ["a-b", "1a", "a b", "", "ä"])
def test_variables_have_names_for_expressions(name: str) -> None:
    assert refused(MappingConfig, vars={name: 1})["type"] == "refused"


def test_secrets_are_in_no_repr() -> None:
    configs = [
        CsvSourceConfig.model_validate(
            {**CSV, "path": "sftp://u:hunter2@h/x", "storage_options": {"key": "hunter2"}}
        ),
        SqlSourceConfig.model_validate(
            {**SQL, "url": "postgresql://u:hunter2@h/x", "params": {"a": "hunter2"}}
        ),
        SettingsConfig.model_validate({"state": {"url": "postgresql://u:hunter2@h/x"}}),
    ]
    assert "hunter2" not in repr(configs) + "".join(map(str, configs))
    assert isinstance(configs[1].model_dump()["url"], SecretStr)
