-- Team messaging: chats and their members, posts, adaptive cards, incoming webhooks, and the events that
-- wait to be published. Times are milliseconds since 1970. Ids of accounts and extensions are unsigned
-- 64-bit numbers, kept in the signed column bit for bit.

CREATE TABLE chats (
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('PrivateChat', 'Group', 'Team', 'PersonalChat', 'Everyone')),
  -- What there is only one chat of: for a conversation its people's ids, ascending, with commas between;
  -- for the chat of everyone that word. Teams have none.
  identity TEXT,
  name TEXT,
  description TEXT,
  public INTEGER,
  archived INTEGER NOT NULL DEFAULT 0,
  creator INTEGER,
  created_at INTEGER NOT NULL,
  modified_at INTEGER NOT NULL,
  last_post_at INTEGER NOT NULL,
  -- A deleted team has no members; its posts are dropped little by little, and then it.
  deleted_at INTEGER,
  CHECK ((kind = 'Team') = (identity IS NULL)),
  CHECK ((kind = 'Team') = (public IS NOT NULL)),
  CHECK (kind = 'Team' OR deleted_at IS NULL),
  UNIQUE (account, identity)
) STRICT;
CREATE INDEX public_teams ON chats (account, no) WHERE public = 1 AND deleted_at IS NULL;
CREATE INDEX chats_by_deletion ON chats (deleted_at) WHERE deleted_at IS NOT NULL;

-- Nobody is noted for the chat of everyone.
CREATE TABLE chat_members (
  chat INTEGER NOT NULL REFERENCES chats ON DELETE CASCADE,
  extension INTEGER NOT NULL REFERENCES extensions ON DELETE CASCADE,
  PRIMARY KEY (chat, extension)
) STRICT, WITHOUT ROWID;
CREATE INDEX chat_members_by_person ON chat_members (extension, chat);

CREATE TABLE favorite_chats (
  extension INTEGER NOT NULL REFERENCES extensions ON DELETE CASCADE,
  chat INTEGER NOT NULL REFERENCES chats ON DELETE CASCADE,
  since INTEGER NOT NULL,
  PRIMARY KEY (extension, chat)
) STRICT, WITHOUT ROWID;
CREATE INDEX favorite_chats_by_chat ON favorite_chats (chat);

CREATE TABLE posts (
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  chat INTEGER NOT NULL REFERENCES chats ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('TextMessage', 'PersonJoined', 'PersonsAdded', 'PersonsRemoved', 'Card')),
  text TEXT,
  creator INTEGER NOT NULL,
  -- Lists of ids, as JSON.
  added TEXT,
  removed TEXT,
  created_at INTEGER NOT NULL,
  modified_at INTEGER NOT NULL,
  -- As they are answered, JSON.
  attachments TEXT,
  mentions TEXT,
  activity TEXT,
  title TEXT,
  icon_uri TEXT,
  icon_emoji TEXT,
  parent INTEGER,
  thread INTEGER
) STRICT;
CREATE INDEX posts_by_chat ON posts (chat, no);

-- Adaptive cards. The card itself is the attachment with this id of its post.
CREATE TABLE adaptive_cards (
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  post INTEGER NOT NULL REFERENCES posts ON DELETE CASCADE,
  creator INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  modified_at INTEGER NOT NULL
) STRICT;
CREATE INDEX adaptive_cards_by_post ON adaptive_cards (post);

CREATE TABLE incoming_webhooks (
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Who knows the id may post: it is found by its SHA-256 and sealed under the master key.
  id_hash BLOB NOT NULL UNIQUE CHECK (length(id_hash) = 32),
  sealed_id BLOB NOT NULL,
  account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
  chat INTEGER NOT NULL REFERENCES chats ON DELETE CASCADE,
  creator INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('Active', 'Suspended', 'Deleted')),
  created_at INTEGER NOT NULL,
  modified_at INTEGER NOT NULL
) STRICT;
CREATE INDEX incoming_webhooks_by_chat ON incoming_webhooks (chat);
CREATE INDEX incoming_webhooks_by_creator ON incoming_webhooks (account, creator);
CREATE INDEX incoming_webhooks_by_deletion ON incoming_webhooks (modified_at) WHERE status = 'Deleted';

-- Written with the change that raises the event, deleted once the event log has it.
CREATE TABLE messaging_events (
  no INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid BLOB NOT NULL CHECK (length(uuid) = 16),
  account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
  name TEXT NOT NULL,
  occurred_at INTEGER NOT NULL,
  body TEXT NOT NULL,
  -- A list of ids as JSON.
  recipients TEXT NOT NULL
) STRICT;
CREATE INDEX messaging_events_by_account ON messaging_events (account);

-- Ids that do not look like counters.
INSERT INTO sqlite_sequence (name, seq) VALUES
  ('chats', 10000000), ('posts', 4000000000), ('adaptive_cards', 7000000000);
