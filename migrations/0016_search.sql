-- +goose Up

-- What a torrent is about, in words of those who uploaded it (package catalog).
CREATE TABLE torrent_tags (
  torrent INTEGER NOT NULL REFERENCES torrents (id),
  tag     TEXT NOT NULL CHECK (length(tag) BETWEEN 2 AND 24 AND tag NOT GLOB '*[^a-z0-9.-]*'),
  PRIMARY KEY (torrent, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX torrent_tags_tag ON torrent_tags (tag, torrent);

-- The catalogue as lists show, filter and order it: one row for each torrent that was not withdrawn. A row of
-- torrents holds the torrent file, behind which SQLite finds nothing quickly. Triggers keep the two in step, so
-- that whoever writes a torrent, a price or a claim need not know of this table.
CREATE TABLE listing (
  torrent        INTEGER PRIMARY KEY REFERENCES torrents (id) ON DELETE CASCADE,
  category       TEXT NOT NULL,
  size_bytes     INTEGER NOT NULL,
  approved       INTEGER NOT NULL CHECK (approved IN (0, 1)),
  free_until_ms  INTEGER NOT NULL,
  price_utok_per_gib INTEGER NOT NULL,
  multiplier_ppm INTEGER NOT NULL,
  saturation_ppm INTEGER NOT NULL,
  demand_bytes   INTEGER NOT NULL,
  proven         INTEGER NOT NULL DEFAULT 0, -- live claims that passed an audit
  earns_utok     INTEGER NOT NULL DEFAULT 0, -- what a GiB of it might earn one more host a day, as of the last settlement
  indexed        INTEGER NOT NULL DEFAULT 0 CHECK (indexed IN (0, 1)), -- 1: table search has its words
  infohash       BLOB NOT NULL,
  uploader       INTEGER NOT NULL,
  files          INTEGER NOT NULL,
  created_ms     INTEGER NOT NULL,
  name           TEXT NOT NULL,
  cheap          INTEGER NOT NULL GENERATED ALWAYS AS (-price_utok_per_gib) VIRTUAL -- for the order that begins with the lowest price
) STRICT;

INSERT INTO listing (torrent, category, size_bytes, approved, free_until_ms, price_utok_per_gib, multiplier_ppm, saturation_ppm, demand_bytes,
    infohash, uploader, files, created_ms, name)
  SELECT id, category, size_bytes, approved_ms > 0, free_until_ms, price_utok_per_gib, multiplier_ppm, saturation_ppm, demand_bytes,
    infohash, uploader, files, created_ms, name FROM torrents WHERE withdrawn_ms = 0;
UPDATE listing SET proven = x.n FROM (SELECT torrent, count(*) AS n FROM claims WHERE live = 1 AND proven_ms > 0 GROUP BY torrent) x
  WHERE x.torrent = listing.torrent;

-- The orders, each completed by the newest first, and the filters. SQLite ends an index with the row's number.
CREATE INDEX listing_dear ON listing (price_utok_per_gib);
CREATE INDEX listing_cheap ON listing (cheap);
CREATE INDEX listing_proven ON listing (proven);
CREATE INDEX listing_size ON listing (size_bytes);
CREATE INDEX listing_demand ON listing (demand_bytes);
CREATE INDEX listing_earns ON listing (earns_utok);
CREATE INDEX listing_saturation ON listing (saturation_ppm);
CREATE INDEX listing_category ON listing (category);
CREATE INDEX listing_free ON listing (free_until_ms) WHERE free_until_ms > 0;
CREATE INDEX listing_approved ON listing (approved) WHERE approved = 1;
CREATE INDEX listing_to_index ON listing (indexed) WHERE indexed = 0;

-- +goose StatementBegin
CREATE TRIGGER listing_add AFTER INSERT ON torrents WHEN NEW.withdrawn_ms = 0
BEGIN
  INSERT INTO listing (torrent, category, size_bytes, approved, free_until_ms, price_utok_per_gib, multiplier_ppm, saturation_ppm, demand_bytes,
      proven, infohash, uploader, files, created_ms, name)
    VALUES (NEW.id, NEW.category, NEW.size_bytes, NEW.approved_ms > 0, NEW.free_until_ms, NEW.price_utok_per_gib, NEW.multiplier_ppm, NEW.saturation_ppm,
      NEW.demand_bytes, (SELECT count(*) FROM claims WHERE torrent = NEW.id AND live = 1 AND proven_ms > 0), NEW.infohash, NEW.uploader, NEW.files, NEW.created_ms, NEW.name);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER listing_price AFTER UPDATE OF price_utok_per_gib, multiplier_ppm, saturation_ppm, demand_bytes ON torrents
BEGIN
  UPDATE listing SET price_utok_per_gib = NEW.price_utok_per_gib WHERE torrent = NEW.id AND price_utok_per_gib <> NEW.price_utok_per_gib;
  UPDATE listing SET saturation_ppm = NEW.saturation_ppm WHERE torrent = NEW.id AND saturation_ppm <> NEW.saturation_ppm;
  UPDATE listing SET demand_bytes = NEW.demand_bytes WHERE torrent = NEW.id AND demand_bytes <> NEW.demand_bytes;
  UPDATE listing SET multiplier_ppm = NEW.multiplier_ppm WHERE torrent = NEW.id AND multiplier_ppm <> NEW.multiplier_ppm;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER listing_change AFTER UPDATE OF name, category, size_bytes, approved_ms, free_until_ms, infohash, uploader, files, created_ms ON torrents
BEGIN
  UPDATE listing SET name = NEW.name, category = NEW.category, size_bytes = NEW.size_bytes, approved = NEW.approved_ms > 0, free_until_ms = NEW.free_until_ms,
      infohash = NEW.infohash, uploader = NEW.uploader, files = NEW.files, created_ms = NEW.created_ms WHERE torrent = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER listing_withdraw AFTER UPDATE OF withdrawn_ms ON torrents WHEN NEW.withdrawn_ms > 0
BEGIN
  DELETE FROM listing WHERE torrent = NEW.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER listing_again AFTER UPDATE OF withdrawn_ms ON torrents WHEN NEW.withdrawn_ms = 0 AND OLD.withdrawn_ms > 0
BEGIN
  INSERT INTO listing (torrent, category, size_bytes, approved, free_until_ms, price_utok_per_gib, multiplier_ppm, saturation_ppm, demand_bytes,
      proven, infohash, uploader, files, created_ms, name)
    VALUES (NEW.id, NEW.category, NEW.size_bytes, NEW.approved_ms > 0, NEW.free_until_ms, NEW.price_utok_per_gib, NEW.multiplier_ppm, NEW.saturation_ppm,
      NEW.demand_bytes, (SELECT count(*) FROM claims WHERE torrent = NEW.id AND live = 1 AND proven_ms > 0), NEW.infohash, NEW.uploader, NEW.files, NEW.created_ms, NEW.name);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER listing_claim_add AFTER INSERT ON claims WHEN NEW.live = 1 AND NEW.proven_ms > 0
BEGIN
  UPDATE listing SET proven = proven + 1 WHERE torrent = NEW.torrent;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER listing_claim_remove AFTER DELETE ON claims WHEN OLD.live = 1 AND OLD.proven_ms > 0
BEGIN
  UPDATE listing SET proven = proven - 1 WHERE torrent = OLD.torrent;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER listing_claim_change AFTER UPDATE OF live, proven_ms ON claims WHEN (NEW.live = 1 AND NEW.proven_ms > 0) <> (OLD.live = 1 AND OLD.proven_ms > 0)
BEGIN
  UPDATE listing SET proven = proven + iif(NEW.live = 1 AND NEW.proven_ms > 0, 1, -1) WHERE torrent = NEW.torrent;
END;
-- +goose StatementEnd

-- The words of each torrent's name, tags, files and description as catalog.Words takes them apart, which leaves
-- SQLite only to part them at blanks. Newest first, with indices of the beginnings of words.
CREATE VIRTUAL TABLE search USING fts4 (name, tags, files, description, tokenize=simple, order=desc, prefix="1,2,3,4");
INSERT INTO search (search) VALUES ('automerge=8');

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
