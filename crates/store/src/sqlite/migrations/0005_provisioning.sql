-- What operators do and what accounts use. Times are milliseconds since 1970.

-- What an account may use in a day; none: as much as the settings say.
ALTER TABLE accounts ADD COLUMN events_per_day INTEGER;
ALTER TABLE accounts ADD COLUMN deliveries_per_day INTEGER;
ALTER TABLE accounts ADD COLUMN bytes_per_day INTEGER;

-- Who changed what. Lines outlive everything that they name.
CREATE TABLE audit_log (
    no      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    -- The number of the token; none: the program itself.
    token   INTEGER,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    account INTEGER,
    target  TEXT    NOT NULL,
    -- JSON without secrets.
    before  TEXT,
    after   TEXT
) STRICT;

CREATE INDEX audit_log_by_account ON audit_log (account, no) WHERE account IS NOT NULL;

CREATE TRIGGER audit_log_lines_stay BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'lines of the audit log stay'); END;

CREATE TRIGGER audit_log_lines_stay_as_they_are BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'lines of the audit log stay as they are'); END;

-- What an account used on a day (days since 1970, UTC). Outlives the account.
CREATE TABLE daily_usage (
    day        INTEGER NOT NULL,
    account    INTEGER NOT NULL,
    events     INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    PRIMARY KEY (day, account)
) STRICT, WITHOUT ROWID;

CREATE INDEX daily_usage_by_account ON daily_usage (account, day);

-- So that an extension, an account or an app goes without a search through all credentials.
CREATE INDEX jwt_credentials_by_extension ON jwt_credentials (extension);
CREATE INDEX jwt_credentials_by_account ON jwt_credentials (account);
CREATE INDEX jwt_credentials_by_app ON jwt_credentials (app);
