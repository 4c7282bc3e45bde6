-- Accounts, extensions, apps, sessions and tokens.
--
-- Times are milliseconds since 1970. Lists are JSON arrays, sets of scopes are separated by spaces.
-- Columns named *_hash hold SHA-256; columns named sealed_* hold what core::vault made.
-- Not used yet, but part of the shape: authorization_codes, failed_logins, locked_until,
-- sessions without an extension (client_credentials).

CREATE TABLE accounts (
    id           INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL,
    main_number  TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    operator     INTEGER,
    company      INTEGER NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL
) STRICT;

-- The x-signing-token of an account's company, over its rotation (D25).
CREATE TABLE company_tokens (
    account         INTEGER PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    sealed_current  BLOB NOT NULL,
    sealed_next     BLOB,
    sealed_previous BLOB,
    changes_at      INTEGER
) STRICT;

CREATE TABLE extensions (
    id             INTEGER PRIMARY KEY,
    account        INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    number         TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    status         TEXT    NOT NULL,
    first_name     TEXT    NOT NULL DEFAULT '',
    last_name      TEXT    NOT NULL DEFAULT '',
    -- In lower case.
    email          TEXT    NOT NULL DEFAULT '',
    business_phone TEXT    NOT NULL DEFAULT '',
    company        TEXT    NOT NULL DEFAULT '',
    department     TEXT    NOT NULL DEFAULT '',
    administrator  INTEGER NOT NULL DEFAULT 0,
    permissions    TEXT    NOT NULL DEFAULT '[]',
    -- A slow hash in words, see directory::StoredPassword; none: no login by password.
    password       TEXT,
    failed_logins  INTEGER NOT NULL DEFAULT 0,
    locked_until   INTEGER,
    created_at     INTEGER NOT NULL,
    UNIQUE (account, number)
) STRICT;

CREATE INDEX extensions_by_account ON extensions (account, id);
CREATE INDEX extensions_by_email ON extensions (email) WHERE email <> '';

-- Numbers that one logs in with, digits only. Without an extension: the account's main number.
CREATE TABLE phone_numbers (
    number    TEXT PRIMARY KEY,
    account   INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    extension INTEGER REFERENCES extensions ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX phone_numbers_by_account ON phone_numbers (account);
CREATE INDEX phone_numbers_by_extension ON phone_numbers (extension);

CREATE TABLE apps (
    no                        INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id                 TEXT NOT NULL UNIQUE,
    name                      TEXT NOT NULL,
    -- None for a public app, which has no secret.
    secret_hash               BLOB,
    scopes                    TEXT NOT NULL,
    grants                    TEXT NOT NULL,
    redirect_uris             TEXT NOT NULL DEFAULT '[]',
    sealed_verification_token BLOB NOT NULL,
    sealed_signing_secret     BLOB NOT NULL,
    created_at                INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    no                 INTEGER PRIMARY KEY AUTOINCREMENT,
    account            INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    extension          INTEGER REFERENCES extensions ON DELETE CASCADE,
    app                INTEGER NOT NULL REFERENCES apps ON DELETE CASCADE,
    scopes             TEXT    NOT NULL,
    endpoint_id        TEXT,
    created_at         INTEGER NOT NULL,
    access_hash        BLOB    NOT NULL UNIQUE,
    access_expires_at  INTEGER NOT NULL,
    refresh_hash       BLOB    UNIQUE,
    refresh_expires_at INTEGER,
    -- After a refresh, for clients that lost its answer: the refresh token used up, and the seed from
    -- which, together with that token itself, the new pair can be made again.
    previous_hash      BLOB    UNIQUE,
    pair_seed          BLOB,
    refreshed_at       INTEGER,
    -- When the pair of the last refresh was first used.
    first_used_at      INTEGER,
    -- When nothing of the session is valid any more.
    ends_at            INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_by_user_and_app ON sessions (extension, app, no);
CREATE INDEX sessions_by_account ON sessions (account);
CREATE INDEX sessions_by_app ON sessions (app);
CREATE INDEX sessions_by_end ON sessions (ends_at);

CREATE TABLE authorization_codes (
    code_hash             BLOB PRIMARY KEY,
    app                   INTEGER NOT NULL REFERENCES apps ON DELETE CASCADE,
    account               INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    extension             INTEGER NOT NULL REFERENCES extensions ON DELETE CASCADE,
    redirect_uri          TEXT NOT NULL,
    scopes                TEXT NOT NULL,
    code_challenge        TEXT,
    code_challenge_method TEXT,
    expires_at            INTEGER NOT NULL,
    -- The session it was exchanged for: a second exchange ends that one.
    session               INTEGER REFERENCES sessions ON DELETE SET NULL
) STRICT, WITHOUT ROWID;

-- Tokens of operators and publishers. An admin token is bound to no account.
CREATE TABLE service_tokens (
    no         INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash BLOB    NOT NULL UNIQUE,
    kind       TEXT    NOT NULL,
    account    INTEGER REFERENCES accounts ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    CHECK (kind IN ('admin', 'publish') AND NOT (kind = 'admin' AND account IS NOT NULL))
) STRICT;

-- Keys that sign the credentials of the jwt-bearer grant.
CREATE TABLE signing_keys (
    kid                TEXT PRIMARY KEY,
    -- As in a JWT header; EdDSA keys are their 32 bytes.
    algorithm          TEXT    NOT NULL,
    public_key         BLOB    NOT NULL,
    sealed_private_key BLOB    NOT NULL,
    created_at         INTEGER NOT NULL
) STRICT;

-- Credentials for the jwt-bearer grant, by their jti. Without an app: for every app.
CREATE TABLE jwt_credentials (
    jti        TEXT PRIMARY KEY,
    account    INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    extension  INTEGER NOT NULL REFERENCES extensions ON DELETE CASCADE,
    app        INTEGER REFERENCES apps ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;

-- Small secrets that the server keeps for itself, by name.
CREATE TABLE sealed_notes (
    name        TEXT PRIMARY KEY,
    sealed_note BLOB NOT NULL
) STRICT;
