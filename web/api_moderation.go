package web

import (
	"net/http"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// queueView is a torrent that waits, with what an operator needs to decide.
type queueView struct {
	InfoHash    string          `json:"infohash"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Category    string          `json:"category"`
	Tags        []string        `json:"tags"`
	Size        bt.Bytes        `json:"size_bytes"`
	Files       int             `json:"files"`
	Turn        string          `json:"turn" doc:"changed: its uploader made the changes that were asked for; operator: nobody decided yet; uploader: an operator asked for changes"`
	Asked       string          `json:"asked" doc:"what was asked of its uploader last; empty: nothing"`
	CreatedAt   time.Time       `json:"created_at"`
	Seeders     int             `json:"seeders"`
	Leechers    int             `json:"leechers"`
	Uploader    uploaderView    `json:"uploader"`
	Warnings    []string        `json:"warnings" doc:"what an operator should know, in words"`
	Alike       []lookalikeView `json:"alike" doc:"torrents of the catalogue that could be the same"`
}

// uploaderView is what a member uploaded so far and what became of it.
type uploaderView struct {
	Member    bt.MemberID `json:"member_id"`
	Name      string      `json:"member"`
	Verified  bool        `json:"verified"`
	Closed    string      `json:"closed" doc:"why the account is closed; empty: it is open"`
	CreatedAt time.Time   `json:"created_at"`
	Uploads   int         `json:"uploads" doc:"counted up to 1000, as the others"`
	Approved  int         `json:"approved"`
	Refused   int         `json:"refused"`
}

// lookalikeView is a torrent that could be the same as another.
type lookalikeView struct {
	InfoHash string   `json:"infohash"`
	Name     string   `json:"name"`
	Size     bt.Bytes `json:"size_bytes"`
	Approved bool     `json:"approved"`
	SameSize bool     `json:"same_size" doc:"to the byte; else its name has the same words"`
}

// turnWords are how the API calls whose turn it is.
var turnWords = map[store.Turn]string{store.TurnChanged: "changed", store.TurnOperator: "operator", store.TurnUploader: "uploader"}

func newUploaderView(h store.UploaderHistory) uploaderView {
	return uploaderView{h.ID, h.Name, h.Verified, h.Banned, utc(h.CreatedMs), h.Uploads, h.Approved, h.Refused}
}

func newQueueView(q queueRow) queueView {
	v := queueView{InfoHash: q.InfoHash.String(), Name: q.Name, Description: q.Description, Category: string(q.Category), Tags: append([]string{}, q.Tags...), Size: q.Size, Files: q.Files,
		Turn: turnWords[q.Turn], CreatedAt: utc(q.CreatedMs), Seeders: q.Seeders, Leechers: q.Leechers, Uploader: newUploaderView(q.By), Warnings: []string{}, Alike: []lookalikeView{}}
	if q.Last != nil {
		v.Asked = q.Last.Reason
	}
	for _, c := range q.Checks {
		if !c.Fine {
			v.Warnings = append(v.Warnings, c.Text)
		}
	}
	for _, l := range q.Alike {
		v.Alike = append(v.Alike, lookalikeView{l.InfoHash.String(), l.Name, l.Size, l.Approved, l.SameSize})
	}
	return v
}

// queuePage is a page of the queue.
type queuePage struct {
	Torrents []queueView `json:"torrents"`
	Next     string      `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiQueue(w http.ResponseWriter, r *http.Request) error {
	rows, next, err := s.queue(r)
	if err != nil {
		return err
	}
	out := queuePage{Torrents: []queueView{}, Next: next}
	for _, q := range rows {
		out.Torrents = append(out.Torrents, newQueueView(q))
	}
	return answer(w, http.StatusOK, out)
}

func (s *site) apiQueued(w http.ResponseWriter, r *http.Request) error {
	row, err := s.queued(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, newQueueView(row))
}

// approvedView says what was approved.
type approvedView struct {
	Approved []string `json:"approved" doc:"info-hashes of those that waited until now"`
}

func (s *site) apiApproveQueued(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		InfoHashes []string `json:"infohashes"`
	}
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	done, err := s.approveQueued(r, in.InfoHashes)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, approvedView{done})
}

// reasonBody is a body that says why.
type reasonBody struct {
	Reason string `json:"reason"`
}

// decidedView says what became of a torrent that waited.
type decidedView struct {
	InfoHash string `json:"infohash"`
	Decision string `json:"decision"`
}

func (s *site) apiDecideAgainst(refuse bool) handler {
	decision := store.TorrentChanges
	if refuse {
		decision = store.TorrentRefused
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		var in reasonBody
		if _, err := readJSON(r, &in); err != nil {
			return err
		}
		t, err := s.torrent(r) // before it leaves the catalogue
		if err == nil {
			err = s.decideAgainst(r, in.Reason, refuse)
		}
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, decidedView{t.InfoHash.String(), string(decision)})
	}
}

// decisionView is what an operator decided about a torrent.
type decisionView struct {
	Decision  string    `json:"decision" doc:"approved, refused or changes"`
	Reason    string    `json:"reason"`
	Operator  string    `json:"operator,omitempty" doc:"for operators; empty: a command on the server"`
	DecidedAt time.Time `json:"decided_at"`
}

// decisionsPage is the history of a torrent.
type decisionsPage struct {
	Decisions []decisionView `json:"decisions"`
	Next      string         `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// apiDecisions is for the torrent's uploader and for operators.
func (s *site) apiDecisions(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	m := visitorOf(r).member
	if !m.Operator && m.ID != t.Uploader {
		return fail(http.StatusForbidden, "uploader_only", "Only its uploader and operators see what was decided about a torrent.")
	}
	after, limit, err := modPlace(r, modRows)
	if err != nil {
		return err
	}
	list, err := s.Store.TorrentDecisions(r.Context(), t.ID, after.ID, limit+1)
	if err != nil {
		return err
	}
	out := decisionsPage{Decisions: []decisionView{}}
	if len(list) > limit {
		list = list[:limit]
		out.Next = modNext(list[limit-1].ID)
	}
	for _, d := range list {
		v := decisionView{string(d.Decision), d.Reason, "", utc(d.AtMs)}
		if m.Operator {
			v.Operator = d.Operator
		}
		out.Decisions = append(out.Decisions, v)
	}
	return answer(w, http.StatusOK, out)
}
