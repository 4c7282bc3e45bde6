-- What a user lets others of the account have: their presence, and their calls to be picked up.
ALTER TABLE extensions ADD COLUMN shares_presence INTEGER NOT NULL DEFAULT 1;
ALTER TABLE extensions ADD COLUMN shares_call_pickup INTEGER NOT NULL DEFAULT 1;
