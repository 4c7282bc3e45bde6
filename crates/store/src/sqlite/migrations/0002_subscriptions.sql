-- Subscriptions and the texts of their filters. Times are milliseconds since 1970; ids of accounts and
-- extensions are unsigned 64-bit numbers, kept in the signed column bit for bit.

-- Numbers that were handed out and must not come back, whatever is deleted.
CREATE TABLE subscription_counters (
  name TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO subscription_counters VALUES ('filter', 0);

-- The filters of a subscription at one time: a run of consecutive filter numbers, so that they need no
-- index. A set is written in slices before its subscription points to it. It is unused while that goes
-- on, and again from when it was replaced or its subscription ended; `forget` drops unused sets.
CREATE TABLE filter_sets (
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  first_filter INTEGER NOT NULL,
  last_filter INTEGER NOT NULL,
  -- Filters that were asked for and not granted: [{"text","reason","message"}].
  disabled TEXT NOT NULL,
  unused_since INTEGER,
  CHECK (last_filter >= first_filter - 1)
) STRICT;
CREATE INDEX filter_sets_by_disuse ON filter_sets (unused_since) WHERE unused_since IS NOT NULL;

CREATE TABLE filters (
  no INTEGER PRIMARY KEY,
  text TEXT NOT NULL
) STRICT;

CREATE TABLE subscriptions (
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL CHECK (length(id) = 16),
  door TEXT NOT NULL CHECK (door IN ('core', 'webinar', 'conference')),
  account INTEGER NOT NULL,
  extension INTEGER NOT NULL,
  app INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('Active', 'Suspended', 'Blacklisted')),
  blacklisted_at INTEGER,
  blacklisted_reason TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  lifetime INTEGER NOT NULL CHECK (lifetime > 0),
  filter_set INTEGER NOT NULL,
  transport TEXT NOT NULL,
  address TEXT,
  -- Sealed under the master key.
  verification_token BLOB,
  ended_at INTEGER,
  end_reason TEXT,
  CHECK ((status = 'Blacklisted') = (blacklisted_at IS NOT NULL)),
  CHECK ((blacklisted_at IS NULL) = (blacklisted_reason IS NULL)),
  CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
  CHECK (transport <> 'WebHook' OR address IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX subscriptions_by_id ON subscriptions (id);
CREATE INDEX subscriptions_by_owner ON subscriptions (account, extension, app) WHERE ended_at IS NULL;
CREATE INDEX subscriptions_by_expiry ON subscriptions (expires_at) WHERE ended_at IS NULL;
CREATE INDEX subscriptions_by_end ON subscriptions (ended_at) WHERE ended_at IS NOT NULL;
