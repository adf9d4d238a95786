CREATE TABLE version (
    id         TEXT    NOT NULL PRIMARY KEY,
    dataset    TEXT    NOT NULL,
    period     TEXT    NOT NULL,
    revision   INTEGER NOT NULL CHECK (revision >= 1),
    status     TEXT    NOT NULL CHECK (status IN ('staged', 'current', 'superseded', 'withdrawn')),
    content    TEXT    NOT NULL,
    facts      TEXT    NOT NULL,
    table_keys TEXT,
    UNIQUE (dataset, period, revision)
) STRICT;
CREATE UNIQUE INDEX version_current ON version (dataset, period) WHERE status = 'current';

CREATE TABLE upload (
    dataset TEXT NOT NULL,
    key     TEXT NOT NULL,
    body    TEXT NOT NULL,
    version TEXT NOT NULL REFERENCES version (id),
    PRIMARY KEY (dataset, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE job (
    sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    version    TEXT    REFERENCES version (id),
    facts      TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('pending', 'running', 'done', 'failed', 'damaged')),
    attempts   INTEGER NOT NULL CHECK (attempts >= 0),
    message    TEXT,
    updated_at TEXT    NOT NULL
) STRICT;
CREATE INDEX job_state ON job (state, sequence);

-- Append-only, whoever holds the connection: a new row must follow the last one, no row changes, no row goes.
CREATE TABLE ledger (
    protection_group TEXT    NOT NULL,
    sequence         INTEGER NOT NULL CHECK (sequence >= 1),
    digest           TEXT    NOT NULL,
    ciphertext       BLOB    NOT NULL,
    PRIMARY KEY (protection_group, sequence)
) STRICT;
CREATE TRIGGER ledger_follows BEFORE INSERT ON ledger
WHEN NEW.sequence <> 1 + (SELECT coalesce(max(sequence), 0) FROM ledger WHERE protection_group = NEW.protection_group)
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_stays BEFORE UPDATE ON ledger
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_remains BEFORE DELETE ON ledger
BEGIN SELECT raise(ABORT, 'the ledger is append-only'); END;

CREATE TABLE agreement_event (
    epoch INTEGER NOT NULL PRIMARY KEY CHECK (epoch >= 1),
    facts TEXT    NOT NULL
) STRICT;
CREATE TRIGGER agreement_event_follows BEFORE INSERT ON agreement_event
WHEN NEW.epoch <> 1 + (SELECT coalesce(max(epoch), 0) FROM agreement_event)
BEGIN SELECT raise(ABORT, 'agreement events are append-only'); END;
CREATE TRIGGER agreement_event_stays BEFORE UPDATE ON agreement_event
BEGIN SELECT raise(ABORT, 'agreement events are append-only'); END;
CREATE TRIGGER agreement_event_remains BEFORE DELETE ON agreement_event
BEGIN SELECT raise(ABORT, 'agreement events are append-only'); END;

CREATE TABLE credential (
    id         TEXT NOT NULL PRIMARY KEY,
    facts      TEXT NOT NULL,
    revoked_at TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
