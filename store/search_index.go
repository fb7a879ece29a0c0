package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// Bounds of what of a torrent can be searched.
const (
	searchFiles     = 200      // the first files' names
	searchFileBytes = 16 << 10 // of their words
	fillAtOnce      = 200      // torrents of a transaction, when a database is opened that lacks some
)

// setTags gives a torrent these tags and no others. The caller has it indexed afterwards.
func (t *tx) setTags(id bt.TorrentID, tags []string) error {
	if len(tags) > catalog.MaxTags {
		return fmt.Errorf("%w: a torrent has at most %d", catalog.ErrTags, catalog.MaxTags)
	}
	if err := t.exec("DELETE FROM torrent_tags WHERE torrent = ?", id); err != nil {
		return fmt.Errorf("clear tags: %w", err)
	}
	for _, tag := range tags {
		if !catalog.ValidTag(tag) {
			return fmt.Errorf("%w: %q is none", catalog.ErrTags, tag)
		}
		if err := t.exec("INSERT INTO torrent_tags (torrent, tag) VALUES (?, ?) ON CONFLICT DO NOTHING", id, tag); err != nil {
			return fmt.Errorf("set tags: %w", err)
		}
	}
	return nil
}

// indexTorrent makes a torrent found by the words of its name, tags, files and description as they are now;
// whoever changes one of them calls it in the same transaction. A withdrawn torrent is found no more.
func (t *tx) indexTorrent(id bt.TorrentID) error {
	files, err := t.searchedFiles(id)
	if err != nil {
		return err
	}
	return t.indexWords(id, files)
}

// indexWords is indexTorrent where the words of the files are known.
func (t *tx) indexWords(id bt.TorrentID, files string) error {
	var name, about string
	var withdrawn bool
	if err := t.row("SELECT name, description, withdrawn_ms > 0 FROM torrents WHERE id = ?", id).Scan(&name, &about, &withdrawn); err != nil {
		return fmt.Errorf("read what to index: %w", notFound(err))
	}
	if err := t.exec("DELETE FROM search WHERE docid = ?", id); err != nil || withdrawn {
		return err
	}
	tags, err := collect[string](t.ctx, t.Tx, "SELECT tag FROM torrent_tags WHERE torrent = ? ORDER BY tag", id)
	if err != nil {
		return err
	}
	if err := t.exec("INSERT INTO search (docid, name, tags, files, description) VALUES (?, ?, ?, ?, ?)",
		id, searched(name), searched(strings.Join(tags, " ")), files, searched(about)); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return t.exec("UPDATE listing SET indexed = 1 WHERE torrent = ? AND indexed = 0", id)
}

// searched is a text as table search keeps it.
func searched(text string) string { return strings.Join(catalog.Words(text), " ") }

// searchedFiles are the words of a torrent's file names. Those never change, so the torrent file is read once.
func (t *tx) searchedFiles(id bt.TorrentID) (files string, err error) {
	err = t.row("SELECT files FROM search WHERE docid = ?", id).Scan(&files)
	if !errors.Is(err, sql.ErrNoRows) {
		return files, err
	}
	var metainfo []byte
	if err := t.row("SELECT file FROM metainfos WHERE torrent = ?", id).Scan(&metainfo); err != nil {
		return "", fmt.Errorf("read a torrent file: %w", err)
	}
	return fileWords(metainfo), nil
}

// fileWords are the words of the first files of a torrent file, each once. What cannot be read has none.
func fileWords(metainfo []byte) string {
	file, err := catalog.Parse(metainfo)
	if err != nil {
		return ""
	}
	var out strings.Builder
	known := map[string]bool{}
	for _, f := range file.Files[:min(len(file.Files), searchFiles)] {
		if f.Pad {
			continue
		}
		for _, w := range catalog.Words(strings.Join(f.Path, " ")) {
			if known[w] {
				continue
			}
			if out.Len()+len(w) >= searchFileBytes {
				return out.String()
			}
			known[w] = true
			out.WriteString(w + " ")
		}
	}
	return strings.TrimSuffix(out.String(), " ")
}

// fillSearch indexes the torrents that were there before the index was, or that were written past it. Each
// transaction stands by itself: after an interruption the next Open goes on.
func (s *Store) fillSearch(ctx context.Context) error {
	for done := 0; ; {
		n, err := s.fillSome(ctx)
		if err != nil {
			return fmt.Errorf("index torrents: %w", err)
		}
		if done += n; n < fillAtOnce {
			if done > 0 {
				s.opt.Log.Info("torrents indexed for search", "torrents", done)
			}
			return nil
		}
	}
}

func (s *Store) fillSome(ctx context.Context) (int, error) {
	sqltx, err := s.w.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer sqltx.Rollback()
	t := &tx{Tx: sqltx, ctx: ctx, now: s.opt.Now(), store: s}
	ids, err := collect[bt.TorrentID](ctx, sqltx, "SELECT torrent FROM listing WHERE indexed = 0 LIMIT ?", fillAtOnce)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	for _, id := range ids {
		if err := t.indexTorrent(id); err != nil {
			return 0, err
		}
	}
	return len(ids), sqltx.Commit()
}

// Tags returns a torrent's tags in order of the alphabet.
func (s *Store) Tags(ctx context.Context, id bt.TorrentID) ([]string, error) {
	return collect[string](ctx, s.r, "SELECT tag FROM torrent_tags WHERE torrent = ? ORDER BY tag", id)
}
