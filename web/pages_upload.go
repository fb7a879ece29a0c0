package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// uploadPages are where torrents come from: uploads, drafts, edits and requests.
func (s *site) uploadPages(r chi.Router) {
	r.Get("/upload", s.members(s.pageUpload))
	r.Post("/upload", s.members(s.doUpload))
	r.Get("/upload/done/{infohash}", s.members(s.pageUploaded))
	r.Get("/upload/drafts", s.members(s.pageDrafts))
	r.Get("/upload/drafts/{id}", s.members(s.pageDraft))
	r.Post("/upload/drafts/{id}", s.members(s.doSaveDraft))
	r.Post("/upload/drafts/{id}/publish", s.members(s.doPublishDraft))
	r.Post("/upload/drafts/{id}/discard", s.members(s.doDiscardDraft))
	r.Get("/torrents/{infohash}/edit", s.members(s.pageEdit))
	r.Post("/torrents/{infohash}/edit", s.members(s.doEdit))
	r.Post("/torrents/{infohash}/withdraw", s.members(s.doWithdrawTorrent))
	s.requestPages(r)
}

// uploadData is the form of an upload: what was typed, and what is checked.
type uploadData struct {
	textForm
	Checks []uploadCheck
	Broken string // the rule that the file broke; empty: none
	Drafts int
	Most   int // drafts
}

// textForm is what people type about a torrent.
type textForm struct {
	Name, Category, Tags, Description string
	Fixed                             bool // name and category cannot be changed
}

// Categories are what the form offers.
func (textForm) Categories() []catalog.Category { return catalog.Categories() }

// Limits are what the form says of the length of its fields.
func (textForm) Limits() map[string]int {
	return map[string]int{"name": maxTitle, "description": maxDescription, "tags": catalog.MaxTagsText}
}

// textFormOf is a form of these fields.
func textFormOf(fields map[string]string) textForm {
	return textForm{Name: fields["name"], Category: fields["category"], Tags: fields["tags"], Description: fields["description"]}
}

// postedText reads a form that is no upload.
func postedText(form url.Values) textForm {
	fields := map[string]string{}
	for name := range form {
		fields[name] = typedIn(form, name)
	}
	return textFormOf(fields)
}

// typedIn is what was typed into a field, such that it can be shown again.
func typedIn(form url.Values, field string) string { return showable(form.Get(field)) }

// showText is a form with what is said about a torrent.
func showText(x store.TorrentText) textForm {
	return textForm{Name: x.Name, Category: string(x.Category), Tags: strings.Join(x.Tags, " "), Description: x.Description}
}

// parse reads what was typed. A name that is left empty stays so.
func (f textForm) parse() (x store.TorrentText, err error) {
	if x.Name, err = cleanLine(f.Name, "name", maxTitle); err != nil {
		return x, err
	}
	if x.Description, err = cleanText([]byte(f.Description), "description", maxDescription); err != nil {
		return x, err
	}
	if x.Category, err = parseCategory(f.Category); err != nil {
		return x, err
	}
	x.Tags, err = catalog.ParseTags(f.Tags)
	return x, err
}

// cleanLine is cleanText for what is shown on one line; of what nobody could see nothing is left.
func cleanLine(text, field string, limit int) (string, error) {
	line, err := cleanText([]byte(text), field, limit)
	return visibleLine(line), err
}

// visibleLine is a text on one line; empty if nothing of it can be seen, as a link of that name could not be followed.
func visibleLine(text string) string {
	if !canBeSeen(text) {
		return ""
	}
	return strings.Join(strings.Fields(text), " ")
}

// canBeSeen is whether a text shows anything on a page.
func canBeSeen(text string) bool {
	return strings.ContainsFunc(text, func(c rune) bool {
		return unicode.IsGraphic(c) && !unicode.IsSpace(c) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, c)
	})
}

// named is parse for what must have a name.
func (f textForm) named() (store.TorrentText, error) {
	x, err := f.parse()
	if err == nil && x.Name == "" {
		err = fail(http.StatusUnprocessableEntity, "name", "Give it a name.")
	}
	return x, err
}

func (s *site) uploadView(r *http.Request, f textForm, broken string) (*view, error) {
	drafts, err := s.Store.Drafts(r.Context(), visitorOf(r).member.ID)
	return &view{name: "upload", title: "Upload a torrent",
		data: uploadData{textForm: f, Checks: uploadChecks(), Broken: broken, Drafts: len(drafts), Most: store.MaxDrafts}}, err
}

func (s *site) pageUpload(_ http.ResponseWriter, r *http.Request) (*view, error) {
	return s.uploadView(r, textForm{Category: string(catalog.Other)}, "")
}

func (s *site) doUpload(w http.ResponseWriter, r *http.Request) (*view, error) {
	up, fields, err := s.takeUpload(r)
	if err != nil {
		var refusal *catalog.Refusal
		broken := ""
		if errors.As(err, &refusal) {
			broken = refusal.Rule
		}
		v, viewErr := s.uploadView(r, textFormOf(fields), broken)
		if viewErr != nil {
			return nil, viewErr
		}
		return s.again(r, v, err)
	}
	next := "/upload/drafts#drafts"
	if fields["draft"] == "" {
		next = donePath(up.hash.String(), up.changed)
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil, nil
}

// donePath is the page that says what to do after an upload.
func donePath(infohash string, changed bool) string {
	if changed {
		return "/upload/done/" + infohash + "?changed=1"
	}
	return "/upload/done/" + infohash
}

func (s *site) pageUploaded(w http.ResponseWriter, r *http.Request) (*view, error) {
	t, err := s.torrent(r)
	if err != nil {
		return nil, err
	}
	if t.Uploader != visitorOf(r).member.ID { // the next steps are the uploader's
		http.Redirect(w, r, "/torrents/"+t.InfoHash.String(), http.StatusSeeOther)
		return nil, nil
	}
	seeders, _, _ := s.Live.Swarm(t.ID)
	return &view{name: "uploaded", title: "Uploaded", data: map[string]any{"T": t, "Changed": r.URL.Query().Get("changed") != "", "Seeders": seeders}}, nil
}
