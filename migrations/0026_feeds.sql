-- +goose Up

-- Searches of the catalogue that a member keeps, each with a feed of its own. The query is what stands behind the
-- question mark of the catalogue's address. A number is never given twice: readers remember it.
CREATE TABLE saved_searches (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  member     INTEGER NOT NULL REFERENCES members (id),
  name       TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  query      TEXT NOT NULL CHECK (length(query) BETWEEN 1 AND 2000),
  created_ms INTEGER NOT NULL,
  UNIQUE (member, name)
) STRICT;

-- What programs are told that follow the catalogue: new torrents, and prices that moved by a step. The table is a
-- ring: whoever was away goes on from the number of what they saw last, if it is still there. Triggers write it,
-- so that whoever adds a torrent or sets a price need not know of it.
CREATE TABLE feed_events (
  id                 INTEGER PRIMARY KEY AUTOINCREMENT,
  kind               TEXT NOT NULL CHECK (kind IN ('torrent', 'price')),
  torrent            INTEGER NOT NULL REFERENCES torrents (id),
  at_ms              INTEGER NOT NULL,
  price_utok_per_gib INTEGER NOT NULL,
  was_utok_per_gib   INTEGER NOT NULL, -- when it was told last; of a new torrent the same
  multiplier_ppm     INTEGER NOT NULL
) STRICT;
-- +goose StatementBegin
CREATE TRIGGER feed_events_ring AFTER INSERT ON feed_events
BEGIN
  DELETE FROM feed_events WHERE id <= NEW.id - 5000;
END;
-- +goose StatementEnd

-- The price of each torrent as it was told last, and whether that was a discount (-1), the base price (0) or a
-- surge (1).
CREATE TABLE feed_prices (
  torrent            INTEGER PRIMARY KEY REFERENCES torrents (id),
  price_utok_per_gib INTEGER NOT NULL,
  tier               INTEGER NOT NULL CHECK (tier BETWEEN -1 AND 1)
) STRICT;
INSERT INTO feed_prices (torrent, price_utok_per_gib, tier)
  SELECT id, price_utok_per_gib, (multiplier_ppm > 1000000) - (multiplier_ppm < 1000000) FROM torrents;

-- +goose StatementBegin
CREATE TRIGGER feed_torrent AFTER INSERT ON torrents
BEGIN
  INSERT INTO feed_prices (torrent, price_utok_per_gib, tier)
    VALUES (NEW.id, NEW.price_utok_per_gib, (NEW.multiplier_ppm > 1000000) - (NEW.multiplier_ppm < 1000000));
  INSERT INTO feed_events (kind, torrent, at_ms, price_utok_per_gib, was_utok_per_gib, multiplier_ppm)
    VALUES ('torrent', NEW.id, NEW.created_ms, NEW.price_utok_per_gib, NEW.price_utok_per_gib, NEW.multiplier_ppm);
END;
-- +goose StatementEnd
-- A step is a twentieth of the price that was told last, or another tier.
-- +goose StatementBegin
CREATE TRIGGER feed_price AFTER UPDATE OF price_utok_per_gib, multiplier_ppm ON torrents
WHEN NEW.withdrawn_ms = 0 AND (NEW.price_utok_per_gib <> OLD.price_utok_per_gib OR NEW.multiplier_ppm <> OLD.multiplier_ppm)
  AND EXISTS (SELECT 1 FROM feed_prices p WHERE p.torrent = NEW.id
    AND (p.price_utok_per_gib <> NEW.price_utok_per_gib AND abs(NEW.price_utok_per_gib - p.price_utok_per_gib) * 20 >= p.price_utok_per_gib
      OR p.tier <> (NEW.multiplier_ppm > 1000000) - (NEW.multiplier_ppm < 1000000)))
BEGIN
  INSERT INTO feed_events (kind, torrent, at_ms, price_utok_per_gib, was_utok_per_gib, multiplier_ppm)
    SELECT 'price', NEW.id, NEW.priced_ms, NEW.price_utok_per_gib, p.price_utok_per_gib, NEW.multiplier_ppm FROM feed_prices p WHERE p.torrent = NEW.id;
  UPDATE feed_prices SET price_utok_per_gib = NEW.price_utok_per_gib, tier = (NEW.multiplier_ppm > 1000000) - (NEW.multiplier_ppm < 1000000)
    WHERE torrent = NEW.id;
END;
-- +goose StatementEnd

-- +goose Down
SELECT RAISE(ABORT, 'there is no way back: restore a backup');
