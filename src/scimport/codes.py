"""The stable codes of all problems. Each is explained in docs/problems.md; a test holds the two together."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Stable name of a kind of problem; the value is what users see, search for and write in scripts."""

    # Files of the project folder
    PROJECT_NOT_FOUND = "project-not-found"
    FILE_NOT_FOUND = "file-not-found"
    YAML_SYNTAX = "yaml-syntax"
    UNKNOWN_KEY = "unknown-key"
    WRONG_TYPE = "wrong-type"
    MISSING_KEY = "missing-key"
    BAD_VALUE = "bad-value"
    MISSING_REFERENCE = "missing-reference"
    MISSING_VARIABLE = "missing-variable"
    EXTENDS_CYCLE = "extends-cycle"

    # Sources
    SOURCE_NOT_FOUND = "source-not-found"
    SOURCE_UNREADABLE = "source-unreadable"
    SOURCE_EMPTY = "source-empty"
    SOURCE_CHANGED = "source-changed"
    SOURCE_ENCODING = "source-encoding"
    SOURCE_DELIMITER = "source-delimiter"
    SOURCE_HEADER = "source-header"
    SOURCE_SYNTAX = "source-syntax"
    RAGGED_ROW = "ragged-row"
    CELL_TOO_LARGE = "cell-too-large"
    NUL_BYTE = "nul-byte"
    TOO_FEW_ROWS = "too-few-rows"
    TRAILER_MISMATCH = "trailer-mismatch"
    MISSING_COLUMN = "missing-column"
    NEW_COLUMN = "new-column"
    RENAMED_COLUMN = "renamed-column"
    RETYPED_COLUMN = "retyped-column"
    DATABASE_UNREACHABLE = "database-unreachable"
    QUERY_FAILED = "query-failed"

    # Records
    KEY_BLANK = "key-blank"
    KEY_TOO_LONG = "key-too-long"
    DUPLICATE_KEY = "duplicate-key"
    REPEATED_ROW = "repeated-row"
    DUPLICATE_EXTERNAL_ID = "duplicate-external-id"
    CONTRACT_REQUIRED = "contract-required"
    CONTRACT_TYPE = "contract-type"
    CONTRACT_FORMAT = "contract-format"
    CONTRACT_VALUES = "contract-values"
    CONTRACT_PATTERN = "contract-pattern"
    EXPRESSION_FAILED = "expression-failed"
    INVALID_USER = "invalid-user"

    # Mappings
    UNKNOWN_ATTRIBUTE = "unknown-attribute"
    READ_ONLY_ATTRIBUTE = "read-only-attribute"
    COMPLEX_ATTRIBUTE = "complex-attribute"
    SIMPLE_ATTRIBUTE = "simple-attribute"
    LIST_EXPECTED = "list-expected"
    SINGLE_EXPECTED = "single-expected"
    REQUIRED_ATTRIBUTE = "required-attribute"
    UNKNOWN_COLUMN = "unknown-column"
    UNKNOWN_NAME = "unknown-name"
    TEMPLATE_SYNTAX = "template-syntax"
    UNKNOWN_FILTER = "unknown-filter"
    BAD_SCHEMA = "bad-schema"
    IMPORT_SYNTAX = "import-syntax"
    NOT_IMPORTED = "not-imported"

    # Guards
    GUARD_LEAVERS = "guard-leavers"
    GUARD_CHANGES = "guard-changes"
    GUARD_PER_ATTRIBUTE = "guard-per-attribute"
    GUARD_BLANKS = "guard-blanks"
    GUARD_INACTIVE_SHARE = "guard-inactive-share"
    GUARD_INVALID = "guard-invalid"
    GUARD_NEW_KEYS = "guard-new-keys"
    GUARD_CHANGED_KEYS = "guard-changed-keys"
    GUARD_ROWS = "guard-rows"
    GUARD_STOPPED = "guard-stopped"
    PLAN_REFUSED = "plan-refused"
    UNKNOWN_PLAN = "unknown-plan"

    # Apps
    UNSAFE_ENDPOINT = "unsafe-endpoint"
    ENDPOINT_UNREACHABLE = "endpoint-unreachable"
    CERTIFICATE = "certificate"
    SIGN_IN_FAILED = "sign-in-failed"
    PERMISSION_MISSING = "permission-missing"
    ENDPOINT_NOT_FOUND = "endpoint-not-found"
    ENDPOINT_REFUSES = "endpoint-refuses"
    RECORDS_REFUSED = "records-refused"
    ENDPOINT_FAILING = "endpoint-failing"
    BUDGET_EXHAUSTED = "budget-exhausted"
    RECORD_REJECTED = "record-rejected"
    LOG_UNREADABLE = "log-unreadable"

    # Sandbox
    SANDBOX_RUNNING = "sandbox-running"
    PORT_IN_USE = "port-in-use"

    # Runs and state
    PIPELINE_LOCKED = "pipeline-locked"
    NOTHING_TO_RESUME = "nothing-to-resume"
    UNKNOWN_RUN = "unknown-run"
    UNKNOWN_RECORD = "unknown-record"
    STATE_UNREACHABLE = "state-unreachable"
    STATE_TOO_NEW = "state-too-new"
    STATE_VALUES = "state-values"
    STATE_KEY = "state-key"
    STATE_DAMAGED = "state-damaged"
    MINIMAL_LEAVERS = "minimal-leavers"
    INTERRUPTED = "interrupted"
    PREFECT_UNREACHABLE = "prefect-unreachable"
    PREFECT_RUNNING = "prefect-running"
