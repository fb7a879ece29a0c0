package web

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// newUploader is for how long a member counts as new.
const newUploader = 7 * 24 * time.Hour

// queueData is the page of the queue, or of one torrent of it.
type queueData struct {
	Rows   []queueRow
	More   string
	Count  int
	Paged  bool
	Reason string // as typed
	MaxWhy int
}

// queueRow is a torrent that waits, with what speaks for and against it.
type queueRow struct {
	store.QueuedTorrent
	Seeders, Leechers int
	Checks            []queueCheck
	Decisions         []store.TorrentDecision // on its own page
}

// queueCheck is something that an operator should know.
type queueCheck struct {
	Text string
	Fine bool // it speaks for the torrent
	Bad  bool // it needs a closer look
}

// Changed is whether its uploader made the changes that were asked for.
func (q queueRow) Changed() bool { return q.Turn == store.TurnChanged }

// Asked is whether it waits for its uploader.
func (q queueRow) Asked() bool { return q.Turn == store.TurnUploader }

func (s *site) queueRow(q store.QueuedTorrent) queueRow {
	row := queueRow{QueuedTorrent: q}
	row.Seeders, _, row.Leechers = s.Live.Swarm(q.ID)
	row.Checks = s.queueChecks(row)
	return row
}

// queueChecks are the facts that are easily overlooked. What breaks a rule of torrent files is not here: such a file
// was never taken in.
func (s *site) queueChecks(q queueRow) []queueCheck {
	out := []queueCheck{{Text: "The torrent file passed every check when it was uploaded.", Fine: true}}
	add := func(is, bad bool, text string) {
		if is {
			out = append(out, queueCheck{Text: text, Bad: bad})
		}
	}
	same, alike := 0, 0
	for _, l := range q.Alike {
		if l.SameSize {
			same++
		} else {
			alike++
		}
	}
	add(same > 0, true, fmt.Sprintf("%d in the catalogue with exactly the same size: it may be there already.", same))
	add(q.By.Banned != "", true, "The uploader’s account is closed.")
	add(q.By.Refused > 0, true, fmt.Sprintf("%d of the uploader’s torrents were refused before.", q.By.Refused))
	add(alike > 0, false, fmt.Sprintf("%d in the catalogue with a similar name.", alike))
	add(q.Seeders == 0, false, "Nobody seeds it now.")
	add(q.Description == "", false, "The uploader wrote nothing about it.")
	add(len(q.Tags) == 0, false, "It has no tags.")
	add(!q.By.Verified, false, "The uploader is not verified.")
	add(s.Now().Sub(time.UnixMilli(q.By.CreatedMs)) < newUploader, false, "The uploader joined within the last 7 days.")
	return out
}

// queue reads a page of the queue.
func (s *site) queue(r *http.Request) ([]queueRow, string, error) {
	after, limit, err := modPlace(r, queueRows)
	if err != nil {
		return nil, "", err
	}
	list, next, err := s.Store.Queue(r.Context(), after, limit)
	if err != nil {
		return nil, "", err
	}
	var rows []queueRow
	for _, q := range list {
		rows = append(rows, s.queueRow(q))
	}
	return rows, formatCursor(next), nil
}

func (s *site) queueView(r *http.Request) (*view, error) {
	rows, next, err := s.queue(r)
	if err != nil {
		return nil, err
	}
	c, err := s.Store.ModerationCounts(r.Context())
	d := &queueData{Rows: rows, More: modMore("/admin/queue", next, nil), Count: c.Queue, Paged: r.URL.Query().Get("cursor") != ""}
	return &view{name: "admin-queue", title: "Queue", data: d}, err
}

func (s *site) pageQueue(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.queueView(r)
}

// queued finds the torrent of the path in the queue.
func (s *site) queued(r *http.Request) (row queueRow, err error) {
	t, err := s.torrent(r)
	if err != nil {
		return row, err
	}
	q, err := s.Store.Queued(r.Context(), t.ID)
	if errors.Is(err, store.ErrNotFound) {
		return row, fail(http.StatusNotFound, "not_found", "This torrent does not wait for a decision, or no longer.")
	}
	if err != nil {
		return row, err
	}
	row = s.queueRow(q)
	row.Decisions, err = s.Store.TorrentDecisions(r.Context(), t.ID, 0, modRows)
	return row, err
}

func (s *site) queuedView(r *http.Request, reason string) (*view, error) {
	row, err := s.queued(r)
	return &view{name: "admin-queued", title: "Decide on " + row.Name, data: &queueData{Rows: []queueRow{row}, Reason: reason, MaxWhy: store.MaxWhy}}, err
}

func (s *site) pageQueued(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.queuedView(r, "")
}

// approveQueued approves torrents by their info-hashes, and returns those that were approved now.
func (s *site) approveQueued(r *http.Request, hashes []string) ([]string, error) {
	if len(hashes) == 0 || len(hashes) > store.MaxDecideAtOnce {
		return nil, fail(http.StatusUnprocessableEntity, "torrents", "Choose 1 to %d torrents.", store.MaxDecideAtOnce)
	}
	var ids []bt.TorrentID
	names := map[bt.TorrentID]string{}
	for _, text := range hashes {
		h, err := bt.ParseInfoHash(text)
		if err != nil {
			return nil, fail(http.StatusUnprocessableEntity, "infohash", "An info-hash has 40 hex digits.")
		}
		t, err := s.Store.TorrentByHash(r.Context(), h)
		if errors.Is(err, store.ErrNotFound) {
			continue // withdrawn meanwhile
		}
		if err != nil {
			return nil, err
		}
		ids = append(ids, t.ID)
		names[t.ID] = t.InfoHash.String()
	}
	m := visitorOf(r).member
	approved, err := s.Store.ApproveTorrents(r.Context(), m.ID, ids)
	if err != nil {
		return nil, err
	}
	out := []string{}
	for _, id := range approved {
		s.Log.Info("torrent approved", "infohash", names[id], "by", m.ID)
		out = append(out, names[id])
		if err := s.Roster.TorrentAdded(r.Context(), id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// doApproveQueued approves all that are ticked.
func (s *site) doApproveQueued(w http.ResponseWriter, r *http.Request) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	if _, err := s.approveQueued(r, r.PostForm["torrent"]); err != nil {
		return s.modAgain(r, func() (*view, error) { return s.queueView(r) }, err)
	}
	return modGo(w, r, "/admin/queue")
}

// decideAgainst refuses a torrent of the queue, or asks for changes.
func (s *site) decideAgainst(r *http.Request, text string, refuse bool) error {
	reason, err := modReason(text)
	if err != nil {
		return err
	}
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	m := visitorOf(r).member
	if !refuse {
		return s.Store.AskForChanges(r.Context(), m.ID, t.ID, reason)
	}
	if err := s.Store.RefuseTorrent(r.Context(), m.ID, t.ID, reason); err != nil {
		return err
	}
	s.Log.Info("torrent refused", "infohash", t.InfoHash.String(), "by", m.ID)
	return s.Roster.TorrentAdded(r.Context(), t.ID)
}

func (s *site) doRefuse(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.doDecideAgainst(w, r, true)
}

func (s *site) doAskForChanges(w http.ResponseWriter, r *http.Request) (*view, error) {
	return s.doDecideAgainst(w, r, false)
}

func (s *site) doDecideAgainst(w http.ResponseWriter, r *http.Request, refuse bool) (*view, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	if err := s.decideAgainst(r, r.PostForm.Get("reason"), refuse); err != nil {
		return s.modAgain(r, func() (*view, error) { return s.queuedView(r, typedIn(r.PostForm, "reason")) }, err)
	}
	return modGo(w, r, "/admin/queue")
}

// decisionsData is what operators decided about a torrent, for its uploader and for them.
type decisionsData struct {
	List     []store.TorrentDecision
	Asked    string // what its uploader is asked to change; empty: nothing
	Path     string
	Operator bool
	Own      bool
	Waits    bool
}

// decisions are nil for whom they do not concern.
func (s *site) decisions(r *http.Request, t store.Torrent) (*decisionsData, error) {
	m := visitorOf(r).member
	if !m.Operator && m.ID != t.Uploader {
		return nil, nil
	}
	list, err := s.Store.TorrentDecisions(r.Context(), t.ID, 0, modRows)
	if err != nil {
		return nil, err
	}
	d := &decisionsData{List: list, Path: "/torrents/" + t.InfoHash.String(), Operator: m.Operator, Own: m.ID == t.Uploader, Waits: !t.Approved && !t.Withdrawn}
	if d.Waits && len(list) > 0 && list[0].Decision == store.TorrentChanges {
		q, err := s.Store.Queued(r.Context(), t.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if q.Turn == store.TurnUploader {
			d.Asked = list[0].Reason
		}
	}
	return d, nil
}
