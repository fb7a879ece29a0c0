package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// claims are the torrents of a node that are claimed now.
func (r *rig) claimed(n bt.NodeID) (out []bt.TorrentID) {
	r.auditor.mu.Lock()
	defer r.auditor.mu.Unlock()
	for _, c := range r.auditor.book.Node(n) {
		out = append(out, c.Torrent)
	}
	return out
}

// TestBadReports: what a node says of torrents counts only if it can be so; what does not is refused
// with a sentence, and takes nothing else with it.
func TestBadReports(t *testing.T) {
	t.Parallel()
	r := openServer(t, quick(t.TempDir()))
	owner := r.member("owner", 0, 50*tokens.Unit)
	s, gone := r.share(owner, 12, catalog.V1), r.share(owner, 3, catalog.V1)
	r.run()
	defer func() { r.stop() }()
	n := r.pair(owner)
	r.change("UPDATE torrents SET withdrawn_ms = 1 WHERE id = ?", gone.id)
	if err := r.roster.TorrentAdded(t.Context(), gone.id); err != nil {
		t.Fatal(err)
	}
	size, half := s.file.Size, bt.Bytes(6*sharedPiece)
	peer := strings.Repeat("2d", 20)
	firstHalf := availability.Bitmap{0b11111100, 0}
	for _, tt := range []struct {
		name   string
		claim  seeder.Claim
		reason string // empty: accepted
	}{
		{"unknown torrent", seeder.Claim{InfoHash: strings.Repeat("ab", 20), PeerID: peer, Bytes: 1, Complete: true}, "does not have the torrent"},
		{"withdrawn torrent", seeder.Claim{InfoHash: gone.hash.String(), PeerID: peer, Bytes: gone.file.Size, Complete: true}, "does not have the torrent"},
		{"no info-hash", seeder.Claim{InfoHash: "zz", PeerID: peer, Bytes: size, Complete: true}, "40"},
		{"no peer id", seeder.Claim{InfoHash: s.hash.String(), PeerID: "2d", Bytes: size, Complete: true}, "peer_id: want 40 hex digits"},
		{"complete with other bytes", seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: size + 1, Complete: true}, "does not say which pieces"},
		{"half without a bitmap", seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: half}, "does not say which pieces"},
		{"bitmap too short", seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: half, Pieces: availability.Bitmap{0xfc}}, "a bitmap of 1 bytes does not fit a torrent of 12 pieces"},
		{"bitmap too long", seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: half, Pieces: availability.Bitmap{0xfc, 0, 0}}, "a bitmap of 3 bytes does not fit"},
		{"spare bits", seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: half, Pieces: availability.Bitmap{0xfc, 1}}, "does not fit"},
		{"empty bitmap", seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: 0, Pieces: availability.Bitmap{0, 0}}, "no piece"},
		{"more bytes than the bitmap", seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: size, Pieces: firstHalf}, fmt.Sprintf("the pieces have %d bytes, the report says %d", half, size)},
		{"fewer bytes", seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: half - 1, Pieces: firstHalf}, "the report says"},
		{"negative bytes", seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: -half, Pieces: firstHalf}, "the report says"},
		{"half", seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: half, Pieces: firstHalf}, ""},
		{"the last, short piece", seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: size - 11*sharedPiece, Pieces: availability.Bitmap{0, 0x10}}, ""},
		{"all by bitmap", seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: size, Pieces: availability.Bitmap{0xff, 0xf0}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer, err := n.client.Report(t.Context(), seeder.Report{Port: 6881, Claims: []seeder.Claim{tt.claim}})
			if err != nil {
				t.Fatal(err)
			}
			c := r.claim(s.id, owner, n.id)
			switch {
			case tt.reason == "":
				if len(answer.Accepted) != 1 || len(answer.Refused) != 0 || c.Bytes != tt.claim.Bytes || c.Have.Count(12) != tt.claim.Pieces.Count(12) {
					t.Errorf("%+v; the claim is %+v", answer, c)
				}
			case len(answer.Refused) != 1 || len(answer.Accepted) != 0 || answer.Refused[0].InfoHash != tt.claim.InfoHash || !strings.Contains(answer.Refused[0].Reason, tt.reason):
				t.Errorf("%+v, want it refused with %q", answer, tt.reason)
			case len(r.claimed(n.id)) != 0:
				t.Errorf("claimed: %+v", c)
			}
		})
	}
	whole := seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: size, Complete: true}
	part := seeder.Claim{InfoHash: s.hash.String(), PeerID: peer, Bytes: half, Pieces: firstHalf}
	answer, err := n.client.Report(t.Context(), seeder.Report{Port: 6881, Claims: []seeder.Claim{part, whole}})
	if c := r.claim(s.id, owner, n.id); err != nil || len(answer.Accepted) != 1 || len(answer.Refused) != 1 ||
		answer.Refused[0].Reason != "the report has this torrent twice" || c.Bytes != half {
		t.Errorf("a torrent twice: %+v, %v; claimed %d bytes", answer, err, c.Bytes)
	}
	for name, c := range map[string]struct {
		body, sign string // sign: what the token says was sent
		status     int
		code       string
	}{
		"no JSON":         {"hello", "hello", 400, "json"},
		"bitmap no text":  {`{"port":1,"claims":[{"infohash":"` + s.hash.String() + `","peer_id":"` + peer + `","bytes":1,"complete":false,"pieces":"%%%"}]}`, "", 400, "json"},
		"unknown field":   {`{"port":1,"claims":[],"more":1}`, "", 400, "json"},
		"no port":         {`{"claims":[]}`, "", 422, "port"},
		"another body":    {`{"port":1,"claims":[]}`, `{"port":2,"claims":[]}`, 401, "node_body"},
		"too large a one": {`{"port":1,"claims":[` + strings.Repeat(" ", 64<<20) + `]}`, "", 413, ""},
	} {
		if c.sign == "" {
			c.sign = c.body
		}
		status, code := n.post(t, r.base, c.body, c.sign, time.Now())
		if status != c.status || c.code != "" && code != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, status, code, c.status, c.code)
		}
	}
	if c := r.claim(s.id, owner, n.id); c.Bytes != half || c.Leaving {
		t.Errorf("reports that were refused as a whole changed the claim: %+v", c)
	}
}

// post sends a report as it is.
func (n *node) post(t *testing.T, base, body, signed string, at time.Time) (status int, code string) {
	t.Helper()
	token, err := n.key.Token(n.id, base, at, []byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/v1/node/report", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ Code string }
	json.Unmarshal(raw, &p) //nolint:errcheck // an answer without a code has none
	return res.StatusCode, p.Code
}

// TestNodeWithAWrongClock: its reports are refused with words that say why, nothing of what it claimed
// is lost by them, and once its clock is right all goes on.
func TestNodeWithAWrongClock(t *testing.T) {
	t.Parallel()
	r := openServer(t, quick(t.TempDir()))
	owner := r.member("owner", 0, 50*tokens.Unit)
	s := r.share(owner, 3, catalog.V1)
	r.run()
	defer func() { r.stop() }()
	n := r.pair(owner)
	report := seeder.Report{Port: 6881, Claims: []seeder.Claim{{InfoHash: s.hash.String(), PeerID: strings.Repeat("2d", 20), Bytes: s.file.Size, Complete: true}}}
	send := func(off time.Duration, report seeder.Report) error {
		c, err := seeder.NewClient(seeder.ClientConfig{Server: r.base, Key: n.key, Node: n.id, Now: func() time.Time { return time.Now().Add(off) }})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Report(t.Context(), report)
		return err
	}
	if err := send(20*time.Second, report); err != nil {
		t.Fatalf("20 s are no reason: %v", err)
	}
	before := r.claim(s.id, owner, n.id)
	for off, words := range map[time.Duration]string{time.Hour: "ahead of the server's", -time.Hour: "behind the server's", -24 * 365 * time.Hour: "behind the server's"} {
		err := send(off, seeder.Report{Port: 6881})
		var refusal *seeder.APIError
		if !errors.As(err, &refusal) || refusal.Status != http.StatusUnauthorized || refusal.Code != "node_token" || !strings.Contains(err.Error(), words) ||
			(refusal.ClockOff-off).Abs() > 5*time.Second {
			t.Errorf("off by %s: %v", off, err)
		}
	}
	if c := r.claim(s.id, owner, n.id); c.ID != before.ID || c.State != before.State || c.SeenMs != before.SeenMs || c.Leaving {
		t.Errorf("the claim was %+v and is %+v", before, c)
	}
	if err := send(0, report); err != nil {
		t.Errorf("with its clock right again: %v", err)
	}
	if c := r.claim(s.id, owner, n.id); c.ID != before.ID || c.SeenMs < before.SeenMs || c.EnteredMs != before.EnteredMs {
		t.Errorf("afterwards the claim is %+v, was %+v", c, before)
	}
}
