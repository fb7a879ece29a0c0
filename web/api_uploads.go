package web

import (
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// filesView is what is in a torrent.
type filesView struct {
	InfoHash string     `json:"infohash"`
	Format   string     `json:"format" doc:"v1, v2 or both"`
	Piece    bt.Bytes   `json:"piece_bytes"`
	Pieces   int        `json:"pieces"`
	Files    []fileView `json:"files" doc:"folder by folder"`
	Hidden   int        `json:"hidden" doc:"files beyond those that are listed"`
}

// fileView is a file of a torrent.
type fileView struct {
	Path string   `json:"path" doc:"folders and name with slashes between; names that are long are cut in the middle"`
	Size bt.Bytes `json:"size_bytes"`
	Link string   `json:"link,omitempty" doc:"where it leads if it is a symbolic link"`
}

func (s *site) apiFiles(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	list, err := s.torrentFiles(r.Context(), t)
	if err != nil {
		return err
	}
	if list == nil { // it was logged
		return errInternal
	}
	v := filesView{InfoHash: t.InfoHash.String(), Format: list.Format, Piece: list.Piece, Pieces: list.Pieces, Files: []fileView{}}
	folder := ""
	if list.InFolder {
		folder = list.Root.Name + "/"
	}
	v.add(&list.Root, folder)
	return answer(w, http.StatusOK, v)
}

// add lists what is in a folder whose path is given.
func (v *filesView) add(n *fileNode, path string) {
	v.Hidden += n.Hidden
	for _, x := range n.Inside {
		if x.Folder {
			v.add(x, path+x.Name+"/")
			continue
		}
		v.Files = append(v.Files, fileView{path + x.Name, x.Bytes, x.Link})
	}
}

// swarmView is who is in a torrent's swarm now.
type swarmView struct {
	Seeders  int         `json:"seeders"`
	Leechers int         `json:"leechers"`
	Peers    []swarmPeer `json:"peers" doc:"your own first; at most some dozens. Neither who nor where they are"`
}

// swarmPeer is one of them.
type swarmPeer struct {
	Client  string     `json:"client"`
	You     bool       `json:"you"`
	Seeding bool       `json:"seeding"`
	DonePPM int64      `json:"done_ppm"`
	SinceAt *time.Time `json:"since_at" doc:"since when it seeds; null: it is not known"`
	SeenAt  *time.Time `json:"seen_at" doc:"its last announce"`
}

func (s *site) apiPeers(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	v := swarmView{Peers: views(s.peerViews(t, visitorOf(r).member.ID), func(p peerView) swarmPeer {
		return swarmPeer{p.Client, p.You, p.Seeding, p.DonePPM, utcOrNil(p.SinceMs), utcOrNil(p.SeenMs)}
	})}
	v.Seeders, _, v.Leechers = s.Live.Swarm(t.ID)
	return answer(w, http.StatusOK, v)
}

// textView is what people say about a torrent.
type textView struct {
	Name        string           `json:"name"`
	Category    catalog.Category `json:"category"`
	Tags        []string         `json:"tags"`
	Description string           `json:"description"`
	May         rightsView       `json:"may" doc:"what you may do to it"`
}

// rightsView is what somebody may do to a torrent.
type rightsView struct {
	Edit     bool `json:"edit" doc:"change description and tags"`
	Rename   bool `json:"rename" doc:"change name and category too"`
	Withdraw bool `json:"withdraw"`
}

// textBody changes what is said; what is absent stays.
type textBody struct {
	Name        *string   `json:"name,omitempty"`
	Category    *string   `json:"category,omitempty"`
	Tags        *[]string `json:"tags,omitempty" doc:"all of them"`
	Description *string   `json:"description,omitempty"`
}

// over is a form with what was said, and what is to be changed of it.
func (b textBody) over(now store.TorrentText) (textForm, error) {
	f := showText(now)
	for _, x := range []struct{ from, to *string }{{b.Name, &f.Name}, {b.Category, &f.Category}, {b.Description, &f.Description}} {
		if x.from != nil {
			*x.to = *x.from
		}
	}
	if b.Tags == nil {
		return f, nil
	}
	for _, tag := range *b.Tags {
		if tag == "" || strings.ContainsFunc(tag, func(c rune) bool { return c == ',' || unicode.IsSpace(c) }) {
			return f, fail(http.StatusUnprocessableEntity, "tags", "The tags cannot be so: one of them is empty, or more than one word.")
		}
	}
	f.Tags = strings.Join(*b.Tags, " ")
	return f, nil
}

func (s *site) apiText(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	return s.answerText(w, r, t)
}

func (s *site) answerText(w http.ResponseWriter, r *http.Request, t store.Torrent) error {
	x, err := s.textOf(r, t)
	if err != nil {
		return err
	}
	may, err := s.Store.TorrentRights(r.Context(), *visitorOf(r).member, t)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, textView{x.Name, x.Category, notNil(x.Tags), x.Description, rightsView(may)})
}

func notNil(list []string) []string { return append([]string{}, list...) }

func (s *site) apiEdit(w http.ResponseWriter, r *http.Request) error {
	var in textBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	now, err := s.textOf(r, t)
	if err != nil {
		return err
	}
	f, err := in.over(now)
	if err != nil {
		return err
	}
	text, err := f.named()
	if err == nil {
		err = s.edit(r, t, text)
	}
	if err != nil {
		return err
	}
	if t, err = s.torrent(r); err != nil { // as it is called now
		return err
	}
	return s.answerText(w, r, t)
}

// editsView is a page of a torrent's history, newest first.
type editsView struct {
	Edits []editView `json:"edits"`
	Next  string     `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

// editView is a change of a torrent.
type editView struct {
	ID      int64        `json:"id"`
	At      time.Time    `json:"at"`
	By      string       `json:"by" doc:"a member's name"`
	Act     string       `json:"act" enum:"edit,withdraw"`
	Reason  string       `json:"reason"`
	Changes []changeView `json:"changes"`
}

// changeView is what a change replaced.
type changeView struct {
	Field string `json:"field" enum:"name,category,tags,description"`
	Was   string `json:"was"`
	Is    string `json:"is"`
}

func newEditView(e editRow) editView {
	v := editView{e.ID, utc(e.AtMs), e.TorrentEdit.Name, "edit", e.Reason, views(e.Fields, func(f editField) changeView {
		return changeView{strings.ToLower(f.Name), f.Was, f.Is}
	})}
	if e.Withdrew {
		v.Act = "withdraw"
	}
	return v
}

func (s *site) apiEdits(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	before, limit, err := placeIn(r)
	if err != nil {
		return err
	}
	now, err := s.textOf(r, t)
	if err != nil {
		return err
	}
	rows, next, err := s.edits(r, t, now, before, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, editsView{views(rows, newEditView), formatBefore(next)})
}

// whyBody says why somebody does something.
type whyBody struct {
	Reason string `json:"reason,omitempty" doc:"at most 500 bytes on one line"`
}

func (s *site) apiWithdrawTorrent(w http.ResponseWriter, r *http.Request) error {
	var in whyBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	t, err := s.torrent(r)
	if err == nil {
		err = s.withdrawTorrent(r, t, in.Reason)
	}
	return done(w, err)
}
