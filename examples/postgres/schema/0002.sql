-- What is current of one patient and one custodian is bounded: the answer to a
-- search has room for 1,000 pointers and 8 MiB, and no organisation is to fill it
-- for all others. A row of share is locked before the unique index of pointer is
-- reached, so that two creates do not wait for each other.
LOCK TABLE pointer IN SHARE ROW EXCLUSIVE MODE;
CREATE TABLE share (
  subject   text   NOT NULL,
  custodian text   NOT NULL,
  pointers  bigint NOT NULL,
  octets    bigint NOT NULL,
  PRIMARY KEY (subject, custodian)
);
INSERT INTO share SELECT subject, custodian, count(*), sum(octet_length(resource::text))
  FROM pointer WHERE status = 'current' GROUP BY subject, custodian;

CREATE FUNCTION enter_share() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  s share;
BEGIN
  INSERT INTO share VALUES (NEW.subject, NEW.custodian, 1, octet_length(NEW.resource::text))
    ON CONFLICT (subject, custodian) DO UPDATE SET pointers = share.pointers + 1, octets = share.octets + excluded.octets
    RETURNING * INTO s;
  IF s.pointers > 100 OR s.octets > 1 << 20 THEN
    RAISE EXCEPTION 'a custodian has no more room for pointers of one patient' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER enter_share BEFORE INSERT ON pointer FOR EACH ROW
  WHEN (NEW.status = 'current') EXECUTE FUNCTION enter_share();

CREATE FUNCTION leave_share() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE share SET pointers = pointers - 1, octets = octets - octet_length(OLD.resource::text)
    WHERE subject = OLD.subject AND custodian = OLD.custodian;
  DELETE FROM share WHERE subject = OLD.subject AND custodian = OLD.custodian AND pointers = 0;
  RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER supersede_share BEFORE UPDATE ON pointer FOR EACH ROW
  WHEN (OLD.status = 'current' AND NEW.status <> 'current') EXECUTE FUNCTION leave_share();
CREATE TRIGGER delete_share BEFORE DELETE ON pointer FOR EACH ROW
  WHEN (OLD.status = 'current') EXECUTE FUNCTION leave_share();
