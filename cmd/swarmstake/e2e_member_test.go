package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/anacrolix/torrent/bencode"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// member is what `admin member add` prints.
type member struct {
	Member    string      `json:"member"`
	ID        bt.MemberID `json:"member_id"`
	APIToken  string      `json:"api_token"`
	Available string      `json:"available_utok"`
	Staked    string      `json:"staked_utok"`

	base    string
	granted tokens.Amount
	stake   tokens.Amount
}

func (s *site) addMember(t *testing.T, name, sum, stake string) *member {
	t.Helper()
	out, stderr, code := run(t, "admin", "member", "add", name, "--tokens", sum, "--stake", stake, "--data", s.dir)
	if code != 0 {
		t.Fatalf("add member %s: status %d: %s", name, code, stderr)
	}
	m := &member{base: s.base}
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		t.Fatalf("add member: %v in %q", err, out)
	}
	m.granted, m.stake = amount(t, sum), amount(t, stake)
	if m.Member != name || m.ID == 0 || m.APIToken == "" || m.Available != fmt.Sprint(int64(m.granted)) || m.Staked != fmt.Sprint(int64(m.stake)) {
		t.Fatalf("add member printed %s", out)
	}
	return m
}

func amount(t *testing.T, s string) tokens.Amount {
	t.Helper()
	a, err := tokens.ParseAmount(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var httpClient = &http.Client{Timeout: 20 * time.Second}

// do sends a request with the member's token and returns the whole answer.
func (m *member) do(t *testing.T, method, path, contentType string, body []byte, header ...string) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, m.base+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if m.APIToken != "" {
		r.Header.Set("Authorization", "Bearer "+m.APIToken)
	}
	res, err := httpClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, answer
}

// form is a multipart body with one file.
func form(t *testing.T, field string, file []byte) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile(field, "upload.torrent")
	if err != nil {
		t.Fatal(err)
	}
	part.Write(file) //nolint:errcheck // a buffer
	w.Close()        //nolint:errcheck // a buffer
	return w.FormDataContentType(), b.Bytes()
}

// upload registers a torrent and returns its info-hash.
func (m *member) upload(t *testing.T, file []byte) string {
	t.Helper()
	contentType, body := form(t, "torrent", file)
	res, answer := m.do(t, http.MethodPost, "/api/v1/torrents", contentType, body)
	var got struct {
		InfoHash string `json:"infohash"`
		Name     string `json:"name"`
		Size     int64  `json:"size_bytes"`
		Changed  *bool  `json:"changed"`
	}
	if err := json.Unmarshal(answer, &got); err != nil || res.StatusCode != http.StatusCreated || len(got.InfoHash) != 40 || got.Name == "" || got.Size == 0 || got.Changed == nil {
		t.Fatalf("upload: %s: %s", res.Status, answer)
	}
	return got.InfoHash
}

// torrent downloads the member's personalised file.
func (m *member) torrent(t *testing.T, infohash string) []byte {
	t.Helper()
	res, file := m.do(t, http.MethodGet, "/api/v1/torrents/"+infohash+"/file", "", nil)
	parsed, err := catalog.Parse(file)
	if err != nil || res.StatusCode != http.StatusOK || parsed.InfoHash.String() != infohash || !parsed.Private {
		t.Fatalf("personalised file: %s, %v", res.Status, err)
	}
	if want := fmt.Sprintf("%s/announce/%08x", m.base, uint32(m.ID)); !strings.HasPrefix(announceURL(t, file), want) {
		t.Fatalf("announce URL %q does not begin with %q", announceURL(t, file), want)
	}
	return file
}

func announceURL(t *testing.T, file []byte) string {
	t.Helper()
	var f struct {
		Announce string `bencode:"announce"`
	}
	if err := bencode.Unmarshal(file, &f); err != nil {
		t.Fatal(err)
	}
	return f.Announce
}

// wallet is GET /api/v1/wallet with every page of transfers.
type wallet struct {
	Symbol    string  `json:"symbol"`
	Available string  `json:"available_utok"`
	Staked    string  `json:"staked_utok"`
	Unbonding string  `json:"unbonding_utok"`
	Held      string  `json:"held_utok"`
	Reserved  string  `json:"reserved_utok"`
	Transfers []line  `json:"transfers"`
	Next      *string `json:"next"`
}

type line struct {
	ID      string    `json:"id"`
	Code    string    `json:"code"`
	Ref     string    `json:"ref"`
	Amount  string    `json:"amount_utok"`
	At      time.Time `json:"at"`
	Balance string    `json:"balance"`
}

func (m *member) wallet(t *testing.T) wallet {
	t.Helper()
	var all wallet
	for cursor := ""; ; {
		res, answer := m.do(t, http.MethodGet, "/api/v1/wallet?cursor="+url.QueryEscape(cursor), "", nil)
		var w wallet
		if err := json.Unmarshal(answer, &w); err != nil || res.StatusCode != http.StatusOK || w.Next == nil || w.Symbol == "" {
			t.Fatalf("wallet: %s %v: %s", res.Status, err, answer)
		}
		w.Transfers = append(all.Transfers, w.Transfers...)
		if all = w; *w.Next == "" {
			return all
		}
		cursor = *w.Next
	}
}

// checkWallet holds the wallet to its own lines and to what the download cost.
func (m *member) checkWallet(t *testing.T, charged tokens.Amount) {
	t.Helper()
	w := m.wallet(t)
	var available, charges tokens.Amount
	for _, l := range w.Transfers {
		var a tokens.Amount
		if _, err := fmt.Sscanf(l.Amount, "%d", &a); err != nil || l.ID == "" || l.Code == "" || l.Ref == "" || l.At.IsZero() {
			t.Errorf("%s: transfer %+v", m.Member, l)
		}
		if l.Balance == "available" {
			available += a
		}
		if l.Code == "charge" {
			charges -= a
		}
	}
	if charges != charged {
		t.Errorf("%s: the wallet lists charges of %d utok, the download cost %d", m.Member, charges, charged)
	}
	if w.Available != fmt.Sprint(int64(available)) {
		t.Errorf("%s: available is %s, its transfers sum to %d", m.Member, w.Available, available)
	}
	if available < m.granted-charged { // more is earnings
		t.Errorf("%s: available is %d, granted %d less charged %d", m.Member, available, m.granted, charged)
	}
	if w.Staked != fmt.Sprint(int64(m.stake)) || w.Unbonding != "0" || w.Held == "" || w.Reserved != "0" {
		t.Errorf("%s: staked %s, unbonding %s, held %s, reserved %s", m.Member, w.Staked, w.Unbonding, w.Held, w.Reserved)
	}
}

// charges is what the wallet says the member's downloads cost so far.
func (m *member) charges(t *testing.T) (sum tokens.Amount) {
	t.Helper()
	for _, l := range m.wallet(t).Transfers {
		var a tokens.Amount
		if fmt.Sscanf(l.Amount, "%d", &a); l.Code == "charge" {
			sum -= a
		}
	}
	return sum
}
