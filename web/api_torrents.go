package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

const (
	pageSize       = 50
	maxPageSize    = 200
	maxSearch      = 100   // bytes
	maxTitle       = 255   // bytes
	maxDescription = 10000 // bytes
	maxCategory    = 20    // bytes
	priceRows      = 500   // of history shown
)

// torrentView is a torrent in the API.
type torrentView struct {
	InfoHash      string    `json:"infohash"`
	Name          string    `json:"name"`
	Size          bt.Bytes  `json:"size_bytes"`
	Category      string    `json:"category"`
	Price         Utok      `json:"price_utok_per_gib"`
	MultiplierPPM int64     `json:"multiplier_ppm"`
	SaturationPPM int64     `json:"saturation_ppm"`
	Seeders       int       `json:"seeders"`
	Leechers      int       `json:"leechers"`
	Downloaded    int       `json:"downloaded"`
	Approved      bool      `json:"approved"`
	Description   string    `json:"description,omitempty"`
	Files         int       `json:"files"`
	Uploader      string    `json:"uploader"`
	CreatedAt     time.Time `json:"created_at"`

	FreeUntil *time.Time    `json:"free_until" doc:"until when it costs nothing; null: it costs"`
	Sponsors  []sponsorView `json:"sponsors,omitempty" doc:"who pays for it, on its own page"`
	Tags      []string      `json:"tags,omitempty" doc:"on its own page"`
}

func (s *site) torrentView(t store.Torrent) torrentView {
	v := torrentView{InfoHash: t.InfoHash.String(), Name: t.Name, Size: t.Size, Category: string(t.Category), Price: Utok(t.Price.Price), MultiplierPPM: t.Price.MultiplierPPM,
		SaturationPPM: t.Price.SaturationPPM, Approved: t.Approved, Files: t.Files, Uploader: t.UploaderName, CreatedAt: utc(t.CreatedMs)}
	if s.isFree(t) {
		v.FreeUntil = utcOrNil(t.FreeUntilMs)
	}
	v.Seeders, v.Downloaded, v.Leechers = s.Live.Swarm(t.ID)
	return v
}

// torrentsView is a page of torrents.
type torrentsView struct {
	Torrents []torrentView `json:"torrents"`
	Next     string        `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiTorrents(w http.ResponseWriter, r *http.Request) error {
	q, err := torrentQuery(r)
	if err != nil {
		return err
	}
	rows, next, err := s.Store.Torrents(r.Context(), q)
	if err != nil {
		return err
	}
	views := []torrentView{}
	for _, t := range rows {
		v := s.torrentView(t)
		v.Description = "" // on its own page
		views = append(views, v)
	}
	return answer(w, http.StatusOK, torrentsView{views, formatCursor(next)})
}

// torrent finds the torrent that the path names.
func (s *site) torrent(r *http.Request) (store.Torrent, error) {
	h, err := bt.ParseInfoHash(chi.URLParam(r, "infohash"))
	if err != nil {
		return store.Torrent{}, fail(http.StatusNotFound, "not_found", "An info-hash has 40 hex digits.")
	}
	t, err := s.Store.TorrentByHash(r.Context(), h)
	if errors.Is(err, store.ErrNotFound) {
		return t, fail(http.StatusNotFound, "not_found", "This torrent is not here.")
	}
	return t, err
}

func (s *site) apiTorrent(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	v := s.torrentView(t)
	if v.Sponsors, err = s.sponsors(r, t); err != nil {
		return err
	}
	if v.Tags, err = s.Store.Tags(r.Context(), t.ID); err != nil {
		return err
	}
	return answer(w, http.StatusOK, v)
}

// uploadedView is a torrent that was taken in.
type uploadedView struct {
	InfoHash string   `json:"infohash"`
	Name     string   `json:"name"`
	Size     bt.Bytes `json:"size_bytes"`
	Changed  bool     `json:"changed" doc:"it has another info-hash than the file had: seed the one that GET /torrents/{infohash}/file gives"`
}

func (s *site) apiUpload(w http.ResponseWriter, r *http.Request) error {
	up, err := s.upload(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, uploadedView{up.hash.String(), up.name, up.size, up.changed})
}

// uploaded is a torrent that was just taken in.
type uploaded struct {
	hash    bt.InfoHash
	name    string
	size    bt.Bytes
	changed bool // another info-hash than the file had: seed the one that we give back
}

// upload takes in the torrent file of a multipart form.
func (s *site) upload(r *http.Request) (uploaded, error) {
	up, _, err := s.takeUpload(r)
	return up, err
}

// takeUpload is upload, and gives back the form's other fields whatever came of it: what was typed is
// shown again. With the field 'draft' the torrent is kept for its uploader alone.
func (s *site) takeUpload(r *http.Request) (up uploaded, fields map[string]string, err error) {
	if err := s.mayUpload(r); err != nil {
		return up, nil, err
	}
	data, fields, err := readUpload(r)
	if err != nil {
		return up, fields, err
	}
	n, changed, err := CheckTorrent(data, s.Source, fields)
	if err != nil {
		return up, fields, err
	}
	n.Uploader = visitorOf(r).member.ID
	up = uploaded{n.InfoHash, n.Name, n.Size, changed}
	if fields["draft"] != "" {
		_, err = s.keepDraft(r, n, changed)
		return up, fields, err
	}
	id, err := s.Store.AddTorrent(r.Context(), n)
	if errors.Is(err, store.ErrExists) {
		return up, fields, errUploaded(n.InfoHash)
	}
	if err != nil {
		return up, fields, err
	}
	return up, fields, s.Roster.TorrentAdded(r.Context(), id)
}

// mayUpload bounds how often a member uploads, or changes what they uploaded.
func (s *site) mayUpload(r *http.Request) error {
	return s.limit(s.uploads, fmt.Sprint(visitorOf(r).member.ID))
}

func errUploaded(h bt.InfoHash) error {
	return fail(http.StatusConflict, "exists", "This torrent is here already, or was and is withdrawn, or is among your drafts: %s.", h)
}

// nameOf is the name in a torrent file as lists show it; empty: nothing of it can be shown.
func nameOf(t *catalog.Torrent) string {
	name := visibleLine(showable(t.Name))
	return strings.ToValidUTF8(name[:min(len(name), maxTitle)], "")
}

// readUpload reads a form part by part: nothing is spilled to disk.
func readUpload(r *http.Request) (data []byte, fields map[string]string, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, nil, fail(http.StatusBadRequest, "multipart", "Send the file as field 'torrent' of a multipart/form-data body.")
	}
	limits := map[string]int{"name": maxTitle, "description": maxDescription, "category": maxCategory, "tags": catalog.MaxTagsText, "draft": 1}
	fields = map[string]string{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fields, malformed(err)
		}
		raw, err := io.ReadAll(part)
		if err != nil {
			return nil, fields, malformed(err)
		}
		name := part.FormName()
		if name == "torrent" {
			data = raw
		} else if limit, ok := limits[name]; ok {
			if fields[name], err = cleanText(raw, name, limit); err != nil {
				return nil, fields, err
			}
		}
	}
	if len(data) == 0 {
		return nil, fields, fail(http.StatusBadRequest, "multipart", "Choose a .torrent file: the field 'torrent' is missing or empty.")
	}
	return data, fields, nil
}

func malformed(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return err
	}
	return fail(http.StatusBadRequest, "multipart", "The form is cut off or malformed; send it again.")
}

// cleanText bounds what people write and takes out what could disturb a page.
func cleanText(raw []byte, field string, limit int) (string, error) {
	if len(raw) > limit || !utf8.Valid(raw) {
		return "", fail(http.StatusUnprocessableEntity, field, "The %s must be text of at most %d bytes.", field, limit)
	}
	return strings.TrimSpace(showable(string(raw))), nil
}

// showable is a text without what could disturb a page.
func showable(text string) string {
	return strings.Map(func(c rune) rune {
		if c != '\n' && (unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c)) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
}

func (s *site) apiFile(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	return s.sendFile(w, r, t)
}

// sendFile sends the visitor's own .torrent: it holds their announce key.
func (s *site) sendFile(w http.ResponseWriter, r *http.Request, t store.Torrent) error {
	v := visitorOf(r)
	var member bt.MemberID
	if v.node != nil {
		member = v.node.Member
	} else {
		member = v.member.ID
	}
	stored, err := s.Store.Metainfo(r.Context(), t.ID)
	if err != nil {
		return err
	}
	url := s.Keys.AnnounceURL(member, t.InfoHash)
	if url == "" {
		return fmt.Errorf("no announce key for member %d", member)
	}
	file := catalog.Personalise(stored, url, "")
	if file == nil {
		return fmt.Errorf("torrent %s: what is stored is not a torrent file", t.InfoHash)
	}
	w.Header().Set("Content-Type", "application/x-bittorrent")
	w.Header().Set("Cache-Control", "no-store, private")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName(t.Name) + ".torrent"}))
	_, err = w.Write(file)
	return nil
}

// fileName makes a name that every system can save.
func fileName(name string) string {
	name = strings.Map(func(c rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, c) || unicode.IsControl(c) {
			return '_'
		}
		return c
	}, name)
	name = strings.Trim(name, ". ")
	for len(name) > 120 {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	if name == "" {
		return "torrent"
	}
	return name
}

func (s *site) apiQuote(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	q, err := s.quote(r.Context(), visitorOf(r).member.ID, t)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, q)
}

// priceView is a torrent's price from a time on.
type priceView struct {
	At            time.Time `json:"at"`
	Price         Utok      `json:"price_utok_per_gib"`
	MultiplierPPM int64     `json:"multiplier_ppm" doc:"of the base price"`
	SaturationPPM int64     `json:"saturation_ppm" doc:"demand by capacity"`
	Demand        bt.Bytes  `json:"demand_bytes"`
	Capacity      bt.Bytes  `json:"capacity_bytes"`
}

// pricesView is a torrent's last prices, newest first.
type pricesView struct {
	InfoHash string      `json:"infohash"`
	Prices   []priceView `json:"prices" doc:"oldest first"`
	Next     string      `json:"next" doc:"cursor of the page of older ones; empty: there are none"`
}

// approvalView is a torrent that an operator approved.
type approvalView struct {
	InfoHash string `json:"infohash"`
	Approved bool   `json:"approved"`
}

func (s *site) apiPrices(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	before, err := parseBefore(r)
	if err != nil {
		return err
	}
	limit := priceRows
	if text := r.URL.Query().Get("limit"); text != "" {
		if limit, err = smallNumber(text, "limit", priceRows); err != nil {
			return err
		}
	}
	rows, next, err := s.Store.PricesBefore(r.Context(), t.ID, before, limit)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, pricesView{t.InfoHash.String(), views(rows, func(p store.PriceRow) priceView {
		return priceView{utc(p.AtMs), Utok(p.Price), p.MultiplierPPM, p.SaturationPPM, p.Demand, p.Capacity}
	}), formatBefore(next)})
}

func (s *site) apiApprove(w http.ResponseWriter, r *http.Request) error {
	t, err := s.approve(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, approvalView{t.InfoHash.String(), true})
}

func (s *site) approve(r *http.Request) (store.Torrent, error) {
	m := visitorOf(r).member
	if !m.Operator {
		return store.Torrent{}, errOperator
	}
	t, err := s.torrent(r)
	if err != nil {
		return t, err
	}
	if err := s.Store.ApproveTorrent(r.Context(), t.ID, m.ID); err != nil {
		return t, err
	}
	s.Log.Info("torrent approved", "infohash", t.InfoHash.String(), "by", m.ID)
	return t, s.Roster.TorrentAdded(r.Context(), t.ID)
}
