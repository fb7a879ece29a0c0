-- +goose Up

-- Torrents that wait for an operator's approval. turn 0: its uploader made the changes that were asked for, 1: it
-- waits for an operator, 2: it waits for its uploader. Triggers keep it in step, so that whoever writes a torrent
-- need not know of it.
CREATE TABLE approval_queue (
  torrent INTEGER PRIMARY KEY REFERENCES torrents (id) ON DELETE CASCADE,
  turn    INTEGER NOT NULL DEFAULT 1 CHECK (turn IN (0, 1, 2))
) STRICT;
CREATE INDEX approval_queue_turn ON approval_queue (turn, torrent);
INSERT INTO approval_queue (torrent) SELECT id FROM torrents WHERE approved_ms = 0 AND withdrawn_ms = 0;
-- +goose StatementBegin
CREATE TRIGGER approval_queue_add AFTER INSERT ON torrents WHEN NEW.approved_ms = 0 AND NEW.withdrawn_ms = 0
BEGIN
  INSERT INTO approval_queue (torrent) VALUES (NEW.id);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER approval_queue_leave AFTER UPDATE OF approved_ms, withdrawn_ms ON torrents WHEN NEW.approved_ms > 0 OR NEW.withdrawn_ms > 0
BEGIN
  DELETE FROM approval_queue WHERE torrent = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER approval_queue_again AFTER UPDATE OF approved_ms, withdrawn_ms ON torrents WHEN NEW.approved_ms = 0 AND NEW.withdrawn_ms = 0
BEGIN
  INSERT INTO approval_queue (torrent) VALUES (NEW.id) ON CONFLICT DO NOTHING;
END;
-- +goose StatementEnd

-- What operators decided about torrents that waited. Append-only. What was approved before this version is here
-- without the name of who did it.
CREATE TABLE torrent_decisions (
  id       INTEGER PRIMARY KEY,
  torrent  INTEGER NOT NULL REFERENCES torrents (id),
  uploader INTEGER NOT NULL REFERENCES members (id),
  operator INTEGER REFERENCES members (id), -- NULL: an administrative command
  at_ms    INTEGER NOT NULL,
  decision TEXT NOT NULL CHECK (decision IN ('approved', 'refused', 'changes')),
  reason   TEXT NOT NULL DEFAULT '',
  CHECK (decision = 'approved' OR reason <> '')
) STRICT;
CREATE INDEX torrent_decisions_torrent ON torrent_decisions (torrent, id);
CREATE INDEX torrent_decisions_uploader ON torrent_decisions (uploader, decision);
INSERT INTO torrent_decisions (torrent, uploader, at_ms, decision) SELECT id, uploader, approved_ms, 'approved' FROM torrents WHERE approved_ms > 0;
-- +goose StatementBegin
CREATE TRIGGER torrent_decisions_no_update BEFORE UPDATE ON torrent_decisions
BEGIN SELECT RAISE(ABORT, 'decisions about torrents are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER torrent_decisions_no_delete BEFORE DELETE ON torrent_decisions
BEGIN SELECT RAISE(ABORT, 'decisions about torrents are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER torrent_decisions_no_replace BEFORE INSERT ON torrent_decisions WHEN EXISTS (SELECT 1 FROM torrent_decisions WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'decisions about torrents are append-only'); END;
-- +goose StatementEnd

-- Members as operators list them.
CREATE INDEX members_operators ON members (id) WHERE operator = 1;
CREATE INDEX members_closed ON members (id) WHERE banned_reason <> '';
CREATE INDEX members_guests ON members (id) WHERE gate_price_utok IS NULL;

-- Invitations that an operator granted, beside those that the gate allows.
ALTER TABLE members ADD COLUMN invites_granted INTEGER NOT NULL DEFAULT 0 CHECK (invites_granted >= 0);

-- What operators note about a member, for each other. Append-only.
CREATE TABLE member_notes (
  id       INTEGER PRIMARY KEY,
  member   INTEGER NOT NULL REFERENCES members (id),
  operator INTEGER NOT NULL REFERENCES members (id),
  at_ms    INTEGER NOT NULL,
  text     TEXT NOT NULL CHECK (length(text) BETWEEN 1 AND 2000)
) STRICT;
CREATE INDEX member_notes_member ON member_notes (member, id);
-- +goose StatementBegin
CREATE TRIGGER member_notes_no_update BEFORE UPDATE ON member_notes
BEGIN SELECT RAISE(ABORT, 'notes about members are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER member_notes_no_delete BEFORE DELETE ON member_notes
BEGIN SELECT RAISE(ABORT, 'notes about members are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER member_notes_no_replace BEFORE INSERT ON member_notes WHEN EXISTS (SELECT 1 FROM member_notes WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'notes about members are append-only'); END;
-- +goose StatementEnd

-- The operators' log by the first word of what was done, by who did it, and by the member whom it was done to: acts
-- called 'member …' begin their detail with the member's number.
ALTER TABLE operator_log ADD COLUMN kind TEXT GENERATED ALWAYS AS (substr(action, 1, instr(action || ' ', ' ') - 1)) VIRTUAL;
ALTER TABLE operator_log ADD COLUMN about INTEGER GENERATED ALWAYS AS (iif(action GLOB 'member *', CAST(detail AS INTEGER), 0)) VIRTUAL;
CREATE INDEX operator_log_kind ON operator_log (kind, id);
CREATE INDEX operator_log_operator ON operator_log (operator, id);
CREATE INDEX operator_log_both ON operator_log (operator, kind, id);
CREATE INDEX operator_log_about ON operator_log (about, id) WHERE about > 0;
-- A row that replaces another is no UPDATE and fires no trigger of a DELETE.
-- +goose StatementBegin
CREATE TRIGGER operator_log_no_replace BEFORE INSERT ON operator_log WHEN EXISTS (SELECT 1 FROM operator_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the operator log is append-only'); END;
-- +goose StatementEnd

-- What members report to operators. subject is the number of a torrent, a comment, a request or a member.
CREATE TABLE member_reports (
  id         INTEGER PRIMARY KEY,
  member     INTEGER NOT NULL REFERENCES members (id), -- who reports
  kind       TEXT NOT NULL CHECK (kind IN ('torrent', 'comment', 'request', 'member')),
  subject    INTEGER NOT NULL,
  about      INTEGER NOT NULL REFERENCES members (id), -- who answers for it
  reason     TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 20),
  text       TEXT NOT NULL CHECK (length(text) <= 2000),
  at_ms      INTEGER NOT NULL,
  verdict    TEXT NOT NULL DEFAULT '' CHECK (verdict IN ('', 'upheld', 'unfounded')),
  note       TEXT NOT NULL DEFAULT '',
  decided_ms INTEGER NOT NULL DEFAULT 0,
  decided_by INTEGER REFERENCES members (id),
  CHECK ((verdict = '') = (decided_ms = 0) AND (verdict = '') = (note = ''))
) STRICT;
CREATE UNIQUE INDEX member_reports_once ON member_reports (member, kind, subject) WHERE verdict = '';
CREATE INDEX member_reports_state ON member_reports (verdict, id);
CREATE INDEX member_reports_kind ON member_reports (verdict, kind, id);
CREATE INDEX member_reports_subject ON member_reports (kind, subject, verdict);
CREATE INDEX member_reports_member ON member_reports (member, id);
CREATE INDEX member_reports_day ON member_reports (member, at_ms);
CREATE INDEX member_reports_about ON member_reports (about, verdict);

-- What operators tell everybody. It is shown from from_ms until until_ms (0: no end) or until it is ended.
CREATE TABLE announcements (
  id         INTEGER PRIMARY KEY,
  kind       TEXT NOT NULL CHECK (kind IN ('notice', 'warning')),
  title      TEXT NOT NULL CHECK (length(title) BETWEEN 1 AND 120),
  text       TEXT NOT NULL CHECK (length(text) <= 4000),
  from_ms    INTEGER NOT NULL,
  until_ms   INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL,
  created_by INTEGER NOT NULL REFERENCES members (id),
  edited_ms  INTEGER NOT NULL DEFAULT 0, -- its words changed; 0: never
  ended_ms   INTEGER NOT NULL DEFAULT 0,
  CHECK (until_ms = 0 OR until_ms > from_ms)
) STRICT;
CREATE INDEX announcements_on ON announcements (id) WHERE ended_ms = 0;
CREATE INDEX announcements_from ON announcements (from_ms, id);

-- Who needs not be shown an announcement again, unless its words change.
CREATE TABLE announcement_dismissals (
  member       INTEGER NOT NULL REFERENCES members (id),
  announcement INTEGER NOT NULL REFERENCES announcements (id),
  at_ms        INTEGER NOT NULL,
  PRIMARY KEY (member, announcement)
) STRICT, WITHOUT ROWID;

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
