package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// Bounds of a member's drafts.
const (
	MaxDrafts      = 20
	MaxDraftsBytes = 4 * catalog.MaxFileBytes // of torrent files, all together
)

// Draft is an upload that its owner has not published: it is in no list, and no client is answered about
// it. Its info-hash is taken only when it is published.
type Draft struct {
	ID          int64
	InfoHash    bt.InfoHash
	Name        string
	Description string
	Category    catalog.Category
	Tags        []string
	Size        bt.Bytes
	Files       int
	Changed     bool // making it private gave it another info-hash than the file had
	CreatedMs   int64
}

// AddDraft keeps an upload for its uploader alone.
//
// Errors: ErrExists (in the catalogue, or among the member's drafts), ErrTooMany.
func (s *Store) AddDraft(ctx context.Context, n NewTorrent, changed bool) (int64, error) {
	var id int64
	err := s.write(ctx, func(t *tx) error {
		if err := t.unknownHashes(n); err != nil {
			return err
		}
		var drafts, bytes int
		if err := t.row("SELECT count(*), coalesce(sum(length(metainfo)), 0) FROM drafts WHERE member = ?", n.Uploader).Scan(&drafts, &bytes); err != nil {
			return fmt.Errorf("count drafts: %w", err)
		}
		if drafts >= MaxDrafts || bytes+len(n.Metainfo) > MaxDraftsBytes {
			return fmt.Errorf("%w: you keep %d drafts of %d KiB in all, and at most %d of %d KiB; publish or discard one first",
				ErrTooMany, drafts, bytes>>10, MaxDrafts, MaxDraftsBytes>>10)
		}
		var err error
		id, err = t.insert(`INSERT INTO drafts (member, infohash, infohash2, name, description, category, tags, size_bytes, piece_bytes, files, changed,
			metainfo, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, n.Uploader, n.InfoHash[:], hashOrNil(n.InfoHash2), n.Name, n.Description,
			cmp.Or(n.Category, catalog.Other), strings.Join(n.Tags, " "), n.Size, n.PieceBytes, n.Files, changed, n.Metainfo, t.nowMs())
		return err
	})
	return id, err
}

const selectDraft = "SELECT id, infohash, name, description, category, tags, size_bytes, files, changed, created_ms FROM drafts WHERE member = ?"

func readDraft(r scanner) (d Draft, err error) {
	var h []byte
	var tags string
	err = r.Scan(&d.ID, &h, &d.Name, &d.Description, &d.Category, &tags, &d.Size, &d.Files, &d.Changed, &d.CreatedMs)
	copy(d.InfoHash[:], h)
	d.Tags = strings.Fields(tags)
	return d, notFound(err)
}

// Drafts lists a member's drafts, newest first; there are at most MaxDrafts.
func (s *Store) Drafts(ctx context.Context, m bt.MemberID) ([]Draft, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (Draft, error) { return readDraft(r) }, selectDraft+" ORDER BY id DESC", m)
}

// Draft returns a draft of a member; ErrNotFound also if it is another member's.
func (s *Store) Draft(ctx context.Context, m bt.MemberID, id int64) (Draft, error) {
	return readDraft(s.r.QueryRowContext(ctx, selectDraft+" AND id = ?", m, id))
}

// EditDraft changes what a draft says about its torrent; ErrNotFound as with Draft.
func (s *Store) EditDraft(ctx context.Context, m bt.MemberID, id int64, text TorrentText) error {
	return s.write(ctx, func(t *tx) error {
		return t.change("UPDATE drafts SET name = ?, description = ?, category = ?, tags = ? WHERE member = ? AND id = ?",
			text.Name, text.Description, text.Category, strings.Join(text.Tags, " "), m, id)
	})
}

// DiscardDraft forgets a draft; ErrNotFound as with Draft.
func (s *Store) DiscardDraft(ctx context.Context, m bt.MemberID, id int64) error {
	return s.write(ctx, func(t *tx) error { return t.change("DELETE FROM drafts WHERE member = ? AND id = ?", m, id) })
}

// PublishDraft moves a draft into the catalogue; from now on it is an upload like any other.
//
// Errors: ErrNotFound as with Draft, ErrExists (somebody uploaded it meanwhile: the draft stays).
func (s *Store) PublishDraft(ctx context.Context, m bt.MemberID, id int64) (bt.TorrentID, error) {
	var file []byte
	if err := s.r.QueryRowContext(ctx, "SELECT metainfo FROM drafts WHERE member = ? AND id = ?", m, id).Scan(&file); err != nil {
		return 0, notFound(err)
	}
	files := fileWords(file) // as in AddTorrent
	var torrent bt.TorrentID
	err := s.write(ctx, func(t *tx) error {
		n, err := t.draftTorrent(m, id)
		if err != nil {
			return err
		}
		if !bytes.Equal(n.Metainfo, file) { // another draft has the number by now
			return ErrNotFound
		}
		if torrent, err = t.addTorrent(n, files); err != nil {
			return err
		}
		return t.change("DELETE FROM drafts WHERE id = ?", id)
	})
	return torrent, err
}

// draftTorrent is a draft as a torrent to be added.
func (t *tx) draftTorrent(m bt.MemberID, id int64) (NewTorrent, error) {
	d, err := readDraft(t.row(selectDraft+" AND id = ?", m, id))
	if err != nil {
		return NewTorrent{}, err
	}
	n := NewTorrent{InfoHash: d.InfoHash, Name: d.Name, Description: d.Description, Category: d.Category, Tags: d.Tags, Size: d.Size, Files: d.Files, Uploader: m}
	var h2 []byte
	err = t.row("SELECT infohash2, piece_bytes, metainfo FROM drafts WHERE id = ?", id).Scan(&h2, &n.PieceBytes, &n.Metainfo)
	copy(n.InfoHash2[:], h2)
	return n, err
}
