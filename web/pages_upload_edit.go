package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/swarmstake/swarmstake/store"
)

const (
	editRows = 20  // of a torrent's history on a page
	maxWhy   = 500 // bytes of a reason
)

// editData is what was and is said about a torrent, and a form for those who may change it.
type editData struct {
	textForm
	T       store.Torrent
	May     store.TorrentRights
	Own     bool
	Reason  string // of a withdrawal, as typed
	History []editRow
	More    string
}

// editRow is a change: what was different before.
type editRow struct {
	store.TorrentEdit
	Fields []editField
}

type editField struct{ Name, Was, Is string }

func (s *site) editView(r *http.Request, t store.Torrent, f *textForm) (*view, error) {
	m := visitorOf(r).member
	d := &editData{T: t, Own: t.Uploader == m.ID}
	var err error
	if d.May, err = s.Store.TorrentRights(r.Context(), *m, t); err != nil {
		return nil, err
	}
	now, err := s.textOf(r, t)
	if err != nil {
		return nil, err
	}
	if d.textForm = showText(now); f != nil {
		d.textForm = *f
	}
	d.Fixed = !d.May.Rename
	before, _ := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64) // nonsense is the first page
	var next int64
	if d.History, next, err = s.edits(r, t, now, max(before, 0), editRows); err != nil {
		return nil, err
	}
	if next > 0 {
		d.More = "/torrents/" + t.InfoHash.String() + "/edit?before=" + strconv.FormatInt(next, 10) + "#history"
	}
	title := "History of " + t.Name
	if d.May.Edit {
		title = "Edit " + t.Name
	}
	return &view{name: "edit", title: title, data: d}, nil
}

// textOf is what is said about a torrent now.
func (s *site) textOf(r *http.Request, t store.Torrent) (store.TorrentText, error) {
	tags, err := s.Store.Tags(r.Context(), t.ID)
	return store.TorrentText{Name: t.Name, Description: t.Description, Category: t.Category, Tags: tags}, err
}

// edits reads a page of a torrent's history, and where the next one begins; 0: nowhere. What a change made of the
// text is what the next one found.
func (s *site) edits(r *http.Request, t store.Torrent, now store.TorrentText, before int64, limit int) (page []editRow, next int64, err error) {
	list, err := s.Store.TorrentEdits(r.Context(), t.ID, before, limit+2)
	if err != nil {
		return nil, 0, err
	}
	for i, e := range list {
		after := now
		switch {
		case i > 0:
			after = list[i-1].Before
		case before > 0: // the first row of a later page: it was the last of the page before, too
			continue
		}
		if len(page) == limit {
			return page, list[i-1].ID + 1, nil
		}
		page = append(page, editRow{e, differences(e.Before, after)})
	}
	return page, 0, nil
}

// differences lists what a change replaced.
func differences(was, is store.TorrentText) (out []editField) {
	for _, f := range []editField{{"Name", was.Name, is.Name}, {"Category", string(was.Category), string(is.Category)},
		{"Tags", strings.Join(was.Tags, " "), strings.Join(is.Tags, " ")}, {"Description", was.Description, is.Description}} {
		if f.Was != f.Is {
			out = append(out, f)
		}
	}
	return out
}

func (s *site) pageEdit(_ http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.torrent(r)
	if err != nil {
		return nil, err
	}
	return s.editView(r, t, nil)
}

func (s *site) doEdit(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.torrent(r)
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	f := postedText(r.PostForm)
	if !r.PostForm.Has("name") { // the form of an approved torrent has neither
		f.Name, f.Category = t.Name, string(t.Category)
	}
	text, err := f.named()
	if err == nil {
		err = s.edit(r, t, text)
	}
	if err != nil {
		v, viewErr := s.editView(r, t, &f)
		if viewErr != nil {
			return nil, viewErr
		}
		return s.again(r, v, err)
	}
	http.Redirect(w, r, "/torrents/"+t.InfoHash.String(), http.StatusSeeOther)
	return nil, nil
}

// edit changes a torrent and tells the announce path.
func (s *site) edit(r *http.Request, t store.Torrent, text store.TorrentText) error {
	m := visitorOf(r).member
	if err := s.mayUpload(r); err != nil {
		return err
	}
	changed, err := s.Store.EditTorrent(r.Context(), m.ID, t.ID, text)
	if err != nil || !changed {
		return err
	}
	return s.Roster.TorrentAdded(r.Context(), t.ID)
}

func (s *site) doWithdrawTorrent(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.torrent(r)
	if err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	if err := s.withdrawTorrent(r, t, r.PostForm.Get("reason")); err != nil {
		v, viewErr := s.editView(r, t, nil)
		if viewErr != nil {
			return nil, viewErr
		}
		v.data.(*editData).Reason = typedIn(r.PostForm, "reason")
		return s.again(r, v, err)
	}
	http.Redirect(w, r, "/torrents", http.StatusSeeOther)
	return nil, nil
}

// withdrawTorrent takes a torrent out of the catalogue. Operators say why, whosoever it is.
func (s *site) withdrawTorrent(r *http.Request, t store.Torrent, text string) error {
	m := visitorOf(r).member
	reason, err := cleanLine(text, "reason", maxWhy)
	if err != nil {
		return err
	}
	if reason == "" && (m.Operator || m.ID != t.Uploader) {
		return fail(http.StatusUnprocessableEntity, "reason", "Say why: it is written into the operators' log, and the uploader is told.")
	}
	if err := s.Store.WithdrawTorrent(r.Context(), m.ID, t.ID, reason); err != nil {
		return err
	}
	s.Log.Info("torrent withdrawn", "infohash", t.InfoHash.String(), "by", m.ID)
	return s.Roster.TorrentAdded(r.Context(), t.ID)
}
