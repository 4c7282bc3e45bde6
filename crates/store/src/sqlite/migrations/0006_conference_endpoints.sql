-- Conference endpoints and the rotation of their companies' tokens. Times are milliseconds since 1970.

-- The key of a subscription's own signatures, sealed under the master key; none: the app's.
ALTER TABLE subscriptions ADD COLUMN signing_secret BLOB;

-- Few among very many subscriptions.
CREATE INDEX conference_endpoints ON subscriptions (no) WHERE door = 'conference' AND ended_at IS NULL;

-- A rotation is stored as it began: `sealed_current` is the old token, and how long each half lasts says
-- when the old one is gone. Nothing has to be rewritten when a half ends.
ALTER TABLE company_tokens DROP COLUMN sealed_previous;
ALTER TABLE company_tokens ADD COLUMN overlap INTEGER;
