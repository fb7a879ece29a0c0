package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// MaxEdits bounds how often an uploader may change one torrent: each time is a row that is kept for ever.
const MaxEdits = 200

// What edits refuse.
var (
	ErrNotUploader = errors.New("only its uploader and operators may change a torrent")
	// ErrApproved: what an operator approved stays what it was called.
	ErrApproved = errors.New("the name and the category of an approved torrent are changed by operators only")
	// ErrDownloaded: somebody paid for it, or waits for the rest.
	ErrDownloaded = errors.New("the torrent was downloaded already, or filled a request: only an operator may withdraw it")
)

// TorrentText is what people say about a torrent. Tags are as catalog.ParseTags returns them.
type TorrentText struct {
	Name, Description string
	Category          catalog.Category
	Tags              []string
}

func (x TorrentText) equal(y TorrentText) bool {
	return x.Name == y.Name && x.Description == y.Description && x.Category == y.Category && slices.Equal(x.Tags, y.Tags)
}

// TorrentEdit is a change of a torrent: who made it, and what was said before.
type TorrentEdit struct {
	ID       int64
	Member   bt.MemberID
	Name     string // of the member
	AtMs     int64
	Withdrew bool // else an edit
	Reason   string
	Before   TorrentText
}

// edited is what decides about a change.
type edited struct {
	TorrentText
	uploader            bt.MemberID
	approved, withdrawn bool
	operator            bool // who asks
}

// forEdit reads a torrent that a member wants to change.
//
// Errors: ErrNotFound (also: it was withdrawn), ErrNotUploader.
func (t *tx) forEdit(by bt.MemberID, torrent bt.TorrentID) (e edited, err error) {
	err = t.row(`SELECT t.name, t.description, t.category, t.uploader, t.approved_ms > 0, t.withdrawn_ms > 0, m.operator
		FROM torrents t, members m WHERE t.id = ? AND m.id = ?`, torrent, by).Scan(&e.Name, &e.Description, &e.Category, &e.uploader, &e.approved, &e.withdrawn, &e.operator)
	switch {
	case err != nil:
		return e, notFound(err)
	case e.withdrawn:
		return e, fmt.Errorf("the torrent was withdrawn: %w", ErrNotFound)
	case e.uploader != by && !e.operator:
		return e, ErrNotUploader
	}
	e.Tags, err = collect[string](t.ctx, t.Tx, "SELECT tag FROM torrent_tags WHERE torrent = ? ORDER BY tag", torrent)
	return e, err
}

// EditTorrent changes what is said about a torrent, and keeps what was said before. Its uploader may
// change everything until it is approved, then description and tags; operators may change everything.
// false: nothing was different.
//
// Errors: ErrNotFound, ErrNotUploader, ErrApproved, ErrTooMany.
func (s *Store) EditTorrent(ctx context.Context, by bt.MemberID, torrent bt.TorrentID, text TorrentText) (changed bool, err error) {
	err = s.write(ctx, func(t *tx) error {
		e, err := t.forEdit(by, torrent)
		if err != nil || e.equal(text) {
			return err
		}
		if err := t.mayEdit(e, torrent, text); err != nil {
			return err
		}
		changed = true
		return errors.Join(t.keepText(by, torrent, e.TorrentText, "edit", ""),
			t.change("UPDATE torrents SET name = ?, description = ?, category = ? WHERE id = ?", text.Name, text.Description, text.Category, torrent),
			t.setTags(torrent, text.Tags), t.indexTorrent(torrent), t.queueEdited(torrent), t.logEdit(e, by, torrent))
	})
	return changed && err == nil, err
}

func (t *tx) mayEdit(e edited, torrent bt.TorrentID, text TorrentText) error {
	if e.operator {
		return nil
	}
	if e.approved && (text.Name != e.Name || text.Category != e.Category) {
		return ErrApproved
	}
	var edits int
	if err := t.row("SELECT count(*) FROM torrent_edits WHERE torrent = ?", torrent).Scan(&edits); err != nil {
		return err
	}
	if edits >= MaxEdits {
		return fmt.Errorf("%w: it was changed %d times; ask an operator", ErrTooMany, edits)
	}
	return nil
}

// keepText appends what was said about a torrent to its history.
func (t *tx) keepText(by bt.MemberID, torrent bt.TorrentID, x TorrentText, act, reason string) error {
	return t.exec("INSERT INTO torrent_edits (torrent, member, at_ms, act, reason, name, description, category, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		torrent, by, t.nowMs(), act, reason, x.Name, x.Description, x.Category, strings.Join(x.Tags, " "))
}

// logEdit notes when an operator changed what somebody else had uploaded.
func (t *tx) logEdit(e edited, by bt.MemberID, torrent bt.TorrentID) error {
	if by == e.uploader {
		return nil
	}
	return t.logOperator(by, "torrent edit", fmt.Sprintf("%d: before it was %q", torrent, e.Name))
}

// WithdrawTorrent takes a torrent out of the catalogue, for good: its uploader may, while nobody has
// downloaded it, and operators always. Requests that it was offered for are open again.
//
// Errors: ErrNotFound (also: it was withdrawn before), ErrNotUploader, ErrDownloaded.
func (s *Store) WithdrawTorrent(ctx context.Context, by bt.MemberID, torrent bt.TorrentID, reason string) error {
	return s.write(ctx, func(t *tx) error {
		e, err := t.forEdit(by, torrent)
		if err != nil {
			return err
		}
		if err := t.mayWithdraw(e, torrent); err != nil {
			return err
		}
		if err := t.takeOut(by, torrent, e, reason); err != nil {
			return err
		}
		if by == e.uploader && !e.operator {
			return nil
		}
		err = t.logOperator(by, "torrent withdraw", fmt.Sprintf("%d: %s", torrent, reason))
		if !e.approved && strings.TrimSpace(reason) != "" {
			_, refused := t.decide(torrent, e.uploader, by, TorrentRefused, reason)
			err = errors.Join(err, refused)
		}
		if by != e.uploader {
			err = errors.Join(err, t.notifyUploader(torrent, NotifyWithdrawn))
		}
		return err
	})
}

// takeOut takes a torrent out of the catalogue.
func (t *tx) takeOut(by bt.MemberID, torrent bt.TorrentID, e edited, reason string) error {
	return errors.Join(t.keepText(by, torrent, e.TorrentText, "withdraw", reason),
		t.change("UPDATE torrents SET withdrawn_ms = ? WHERE id = ?", t.nowMs(), torrent), t.indexTorrent(torrent), t.voidFills(torrent))
}

func (t *tx) mayWithdraw(e edited, torrent bt.TorrentID) error {
	if e.operator {
		return nil
	}
	wanted, err := usedTorrent(t.row(torrentIsUsed, torrent, e.uploader))
	if err == nil && wanted {
		err = ErrDownloaded
	}
	return err
}

// torrentIsUsed is whether anybody but ?2 took bytes of a torrent ?1, or it filled a request.
const torrentIsUsed = `SELECT EXISTS (SELECT 1 FROM downloads WHERE torrent = ?1 AND member <> ?2 AND (metered_bytes > 0 OR billed_bytes > 0))
	OR EXISTS (SELECT 1 FROM request_fills WHERE torrent = ?1 AND verdict = 'accepted')`

func usedTorrent(r scanner) (used bool, err error) { return used, r.Scan(&used) }

// TorrentRights says what a member may do to a torrent.
type TorrentRights struct {
	Edit     bool // description and tags
	Rename   bool // name and category too
	Withdraw bool
}

// TorrentRights returns what a member may do to a torrent, as far as the ledger knows of downloads.
func (s *Store) TorrentRights(ctx context.Context, m Member, x Torrent) (TorrentRights, error) {
	switch {
	case m.Operator:
		return TorrentRights{true, true, true}, nil
	case m.ID != x.Uploader:
		return TorrentRights{}, nil
	}
	used, err := usedTorrent(s.r.QueryRowContext(ctx, torrentIsUsed, x.ID, m.ID))
	return TorrentRights{Edit: true, Rename: !x.Approved, Withdraw: !used}, err
}

const selectEdits = `SELECT e.id, e.member, m.name, e.at_ms, e.act = 'withdraw', e.reason, e.name, e.description, e.category, e.tags
	FROM torrent_edits e JOIN members m ON m.id = e.member WHERE e.torrent = ? AND (?2 = 0 OR e.id < ?2) ORDER BY e.id DESC LIMIT ?3`

// TorrentEdits lists n changes of a torrent before one (0: from the last), newest first.
func (s *Store) TorrentEdits(ctx context.Context, torrent bt.TorrentID, before int64, n int) ([]TorrentEdit, error) {
	return scan(ctx, s.r, func(r *sql.Rows) (e TorrentEdit, err error) {
		var tags string
		err = r.Scan(&e.ID, &e.Member, &e.Name, &e.AtMs, &e.Withdrew, &e.Reason, &e.Before.Name, &e.Before.Description, &e.Before.Category, &tags)
		e.Before.Tags = strings.Fields(tags)
		return e, err
	}, selectEdits, torrent, before, n)
}
