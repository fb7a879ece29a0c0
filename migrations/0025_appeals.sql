-- +goose Up

-- What looks wrong about members, as the walk through them saw it last (package store, FindFlags). Nothing
-- follows from a flag: it says where an operator may want to look.
CREATE TABLE flags (
  kind         TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
  member       INTEGER NOT NULL REFERENCES members (id),
  weight       INTEGER NOT NULL CHECK (weight > 0),              -- bytes, utok or a number, as the kind has it
  whole        INTEGER NOT NULL DEFAULT 0 CHECK (whole >= 0),    -- what weight is compared with
  at_ms        INTEGER NOT NULL,                                 -- since when it stands
  ended_ms     INTEGER NOT NULL DEFAULT 0,                       -- 0: it stands
  noted_weight INTEGER NOT NULL DEFAULT 0,                       -- when an operator last looked; 0: nobody did
  open         INTEGER NOT NULL DEFAULT 1 CHECK (open IN (0, 1)), -- it stands, and nobody has looked since it doubled
  PRIMARY KEY (kind, member),
  CHECK (open = 0 OR ended_ms = 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX flags_member ON flags (member);
CREATE INDEX flags_open ON flags (at_ms, kind, member) WHERE open = 1;
CREATE INDEX flags_open_kind ON flags (kind, at_ms, member) WHERE open = 1;
CREATE INDEX flags_standing ON flags (at_ms, kind, member) WHERE ended_ms = 0;
CREATE INDEX flags_standing_kind ON flags (kind, at_ms, member) WHERE ended_ms = 0;

-- What operators noted when they looked at a flag.
CREATE TABLE flag_notes (
  id       INTEGER PRIMARY KEY,
  kind     TEXT NOT NULL,
  member   INTEGER NOT NULL REFERENCES members (id),
  weight   INTEGER NOT NULL, -- of the flag then
  note     TEXT NOT NULL CHECK (length(note) BETWEEN 1 AND 200),
  operator INTEGER REFERENCES members (id), -- NULL: an administrative command
  at_ms    INTEGER NOT NULL
) STRICT;
CREATE INDEX flag_notes_member ON flag_notes (member, id);
-- +goose StatementBegin
CREATE TRIGGER flag_notes_no_update BEFORE UPDATE ON flag_notes
BEGIN SELECT RAISE(ABORT, 'notes are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER flag_notes_no_delete BEFORE DELETE ON flag_notes
BEGIN SELECT RAISE(ABORT, 'notes are append-only'); END;
-- +goose StatementEnd

-- The public networks (/24, /48) that members' clients and nodes announced from lately, by which members are
-- found that share one. Rows are written anew once a day at most, and go when they are a month old.
CREATE TABLE member_networks (
  network TEXT NOT NULL,
  member  INTEGER NOT NULL REFERENCES members (id),
  node    INTEGER NOT NULL CHECK (node IN (0, 1)), -- 1: a node of the member's is there
  last_ms INTEGER NOT NULL,
  PRIMARY KEY (network, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_networks_member ON member_networks (member, last_ms);
CREATE INDEX member_networks_last ON member_networks (last_ms);

-- Appeals of members against a penalty (slash) or against the suspension of a node since suspended_ms. A
-- decision is final.
CREATE TABLE appeals (
  id           INTEGER PRIMARY KEY,
  member       INTEGER NOT NULL REFERENCES members (id),
  node         INTEGER NOT NULL REFERENCES nodes (id),
  slash        INTEGER UNIQUE REFERENCES slashes (id), -- NULL: it is against the suspension
  suspended_ms INTEGER NOT NULL DEFAULT 0,
  text         TEXT NOT NULL CHECK (length(text) BETWEEN 1 AND 4000),
  at_ms        INTEGER NOT NULL,
  outcome      TEXT NOT NULL DEFAULT '' CHECK (outcome IN ('', 'granted', 'refused')), -- empty: not decided
  reason       TEXT NOT NULL DEFAULT '' CHECK (length(reason) <= 200),
  returned_utok INTEGER NOT NULL DEFAULT 0 CHECK (returned_utok >= 0),
  decided_ms   INTEGER NOT NULL DEFAULT 0,
  decided_by   INTEGER REFERENCES members (id), -- NULL: not decided, or an administrative command
  CHECK ((slash IS NULL) = (suspended_ms > 0)),
  CHECK ((outcome = '') = (decided_ms = 0) AND (outcome = '') = (reason = ''))
) STRICT;
CREATE UNIQUE INDEX appeals_suspension ON appeals (node, suspended_ms) WHERE slash IS NULL;
CREATE INDEX appeals_member ON appeals (member, id);
CREATE INDEX appeals_node ON appeals (node, id);
CREATE INDEX appeals_open ON appeals (id) WHERE decided_ms = 0;
CREATE INDEX appeals_decided ON appeals (id) WHERE decided_ms > 0;
-- +goose StatementBegin
CREATE TRIGGER appeals_decided_once BEFORE UPDATE ON appeals WHEN OLD.decided_ms > 0
BEGIN SELECT RAISE(ABORT, 'a decision on an appeal is final'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appeals_no_change BEFORE UPDATE OF id, member, node, slash, suspended_ms, text, at_ms ON appeals
BEGIN SELECT RAISE(ABORT, 'an appeal does not change'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER appeals_no_delete BEFORE DELETE ON appeals
BEGIN SELECT RAISE(ABORT, 'appeals are kept'); END;
-- +goose StatementEnd

-- How far the price history of each torrent was thinned: up to hour_ms one row an hour is left, up to day_ms one
-- a day.
CREATE TABLE prices_thinned (
  torrent INTEGER PRIMARY KEY REFERENCES torrents (id),
  hour_ms INTEGER NOT NULL DEFAULT 0,
  day_ms  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The sweep looks for what expired every few seconds, and evidence is looked up by day.
CREATE INDEX used_jwts_expires ON used_jwts (expires_ms);
CREATE INDEX pairing_codes_expires ON pairing_codes (expires_ms);
CREATE INDEX epochs_start ON epochs (start_ms);

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
