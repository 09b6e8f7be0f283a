-- The guard rests on three things that are kept here: a custodian never changes,
-- an id is never given to another pointer (it is random, and new with each
-- insert), and a patient has a masterIdentifier once, whatever the status.
CREATE TABLE pointer (
  id        text        PRIMARY KEY,
  version   bigint      NOT NULL DEFAULT 1,
  custodian text        NOT NULL,
  status    text        NOT NULL,
  subject   text        NOT NULL,
  system    text        NOT NULL DEFAULT '',
  value     text        NOT NULL DEFAULT '',
  -- SHA-256 over subject, system and value; NULL without a masterIdentifier. To
  -- look first and insert then gives two rows at READ COMMITTED and at REPEATABLE
  -- READ; and the values themselves could be too long for an index.
  name      bytea       UNIQUE CHECK (length(name) = 32),
  resource  jsonb       NOT NULL,
  updated   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON pointer (subject) WHERE status = 'current';

CREATE FUNCTION keep_custodian() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a pointer keeps its id and its custodian';
END $$;
CREATE TRIGGER keep_custodian BEFORE UPDATE ON pointer FOR EACH ROW
  WHEN (OLD.id <> NEW.id OR OLD.custodian <> NEW.custodian) EXECUTE FUNCTION keep_custodian();
