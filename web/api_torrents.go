package web

import (
	"cmp"
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

	FreeUntil *time.Time    `json:"free_until"`         // freeleech; null: it costs
	Sponsors  []sponsorView `json:"sponsors,omitempty"` // on its own page
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
	return answer(w, http.StatusOK, map[string]any{"torrents": views, "next": formatCursor(next)})
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
	return answer(w, http.StatusOK, v)
}

func (s *site) apiUpload(w http.ResponseWriter, r *http.Request) error {
	up, err := s.upload(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, map[string]any{"infohash": up.hash.String(), "name": up.name, "size_bytes": up.size, "changed": up.changed})
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
	n, changed, err := s.checkUpload(data, fields)
	if err != nil {
		return up, fields, err
	}
	n.Uploader = visitorOf(r).member.ID
	up = uploaded{n.InfoHash, n.Name, n.Size, changed}
	if fields["draft"] != "" {
		if _, err = s.Store.AddDraft(r.Context(), n, changed); errors.Is(err, store.ErrExists) {
			err = errUploaded(n.InfoHash)
		}
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
	if !s.Dev && !s.uploads.allow(fmt.Sprint(visitorOf(r).member.ID), s.Now()) {
		return errSlowDown
	}
	return nil
}

func errUploaded(h bt.InfoHash) error {
	return fail(http.StatusConflict, "exists", "This torrent is here already, or was and is withdrawn, or is among your drafts: %s.", h)
}

// checkUpload makes a torrent file private and checks it, and what is said about it.
func (s *site) checkUpload(data []byte, fields map[string]string) (n store.NewTorrent, changed bool, err error) {
	private, changed, err := catalog.MakePrivate(data, s.Source)
	if err != nil {
		return n, changed, err
	}
	t, err := catalog.Parse(private)
	if err != nil {
		return n, changed, err
	}
	text, err := textFormOf(fields).parse()
	if err != nil {
		return n, changed, err
	}
	n = store.NewTorrent{Category: text.Category, Tags: text.Tags, InfoHash: t.InfoHash, Name: cmp.Or(text.Name, nameOf(t)), Description: text.Description, Size: t.Size,
		PieceBytes: t.PieceLength, Files: len(t.Files), Metainfo: private}
	if t.HasV1 && t.HasV2 {
		n.InfoHash2 = t.TruncatedV2()
	}
	if n.Name == "" {
		err = fail(http.StatusUnprocessableEntity, "name", "Give it a name: the one in the file cannot be shown.")
	}
	return n, changed, err
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

func (s *site) apiPrices(w http.ResponseWriter, r *http.Request) error {
	t, err := s.torrent(r)
	if err != nil {
		return err
	}
	rows, err := s.Store.Prices(r.Context(), t.ID, priceRows)
	if err != nil {
		return err
	}
	type row struct {
		At            time.Time `json:"at"`
		Price         Utok      `json:"price_utok_per_gib"`
		MultiplierPPM int64     `json:"multiplier_ppm"`
		SaturationPPM int64     `json:"saturation_ppm"`
		Demand        bt.Bytes  `json:"demand_bytes"`
		Capacity      bt.Bytes  `json:"capacity_bytes"`
	}
	out := []row{}
	for _, p := range rows {
		out = append(out, row{utc(p.AtMs), Utok(p.Price), p.MultiplierPPM, p.SaturationPPM, p.Demand, p.Capacity})
	}
	return answer(w, http.StatusOK, map[string]any{"infohash": t.InfoHash.String(), "prices": out})
}

func (s *site) apiApprove(w http.ResponseWriter, r *http.Request) error {
	t, err := s.approve(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"infohash": t.InfoHash.String(), "approved": true})
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
