-- Signing in: used codes stay known, consents are remembered, apps have sessions without a user.

-- A used code stays for a while, so that who presents it again is noticed.
ALTER TABLE authorization_codes ADD COLUMN used_at INTEGER;
CREATE INDEX authorization_codes_by_end ON authorization_codes (expires_at);
CREATE INDEX authorization_codes_by_app ON authorization_codes (app);
CREATE INDEX authorization_codes_by_account ON authorization_codes (account);
CREATE INDEX authorization_codes_by_extension ON authorization_codes (extension);
CREATE INDEX authorization_codes_by_session ON authorization_codes (session);

-- Scopes that a user has let an app have, separated by spaces.
CREATE TABLE consents (
    extension INTEGER NOT NULL REFERENCES extensions ON DELETE CASCADE,
    app       INTEGER NOT NULL REFERENCES apps ON DELETE CASCADE,
    scopes    TEXT    NOT NULL,
    given_at  INTEGER NOT NULL,
    PRIMARY KEY (extension, app)
) STRICT, WITHOUT ROWID;

CREATE INDEX consents_by_app ON consents (app);

-- What client_credentials opens: a token of the app alone.
CREATE TABLE app_sessions (
    no         INTEGER PRIMARY KEY AUTOINCREMENT,
    app        INTEGER NOT NULL REFERENCES apps ON DELETE CASCADE,
    scopes     TEXT    NOT NULL,
    token_hash BLOB    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX app_sessions_by_app ON app_sessions (app, no);
