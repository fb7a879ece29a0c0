package server

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/tracker/catalog"
)

// TestDaemonBehindNATIsAuditedByChallenge: a daemon that nobody can dial is asked through its polls;
// of several torrents each. Intact it is proven; spoilt behind its back it is caught, looked at again
// and slashed, and everybody can read what was expected and what came.
func TestDaemonBehindNATIsAuditedByChallenge(t *testing.T) {
	t.Parallel()
	conf := natted(t, audited(t.TempDir()), map[string]string{loopback(3): loopback(203)})
	conf.Availability.ProofLifetime, conf.Availability.RenewalLead = 6*time.Second, 5*time.Second
	r := openServer(t, conf)
	owner, other := r.member("owner", 0, 50*tokens.Unit), r.member("other", 0, 50*tokens.Unit)
	list := []*shared{r.share(owner, 6, catalog.V1), r.share(owner, 6, catalog.V2), r.share(owner, 6, catalog.Hybrid)}
	r.run()
	defer r.verify()
	defer func() { r.stop() }()
	n := r.pair(owner)
	r.pledge(n.id, 9*tokens.Unit)
	n.put(t, list...)
	n.run(t, loopback(3)+":0", list...)
	defer n.stop()
	for _, s := range list {
		r.proven("a daemon that cannot be dialled is proven", s.id, owner, n.id)
		c := r.claim(s.id, owner, n.id)
		if a := r.audits(c.ID); a[0].Carrier != "challenge" || c.Addr.Addr().String() != loopback(203) {
			t.Errorf("proven over %s at %s", a[0].Carrier, c.Addr)
		}
	}
	bad := list[0]
	c := r.claim(bad.id, owner, n.id)
	bad.spoil(t, n.data)
	r.eventually("the spoilt data is found and slashed", func() bool { return r.number("SELECT count(*) FROM slashes WHERE torrent = ?", bad.id) > 0 })

	looks := r.audits(c.ID)
	for looks[0].Slash.ID == 0 {
		looks = looks[1:]
	}
	last, first := looks[0], looks[1]
	for first.ID > last.Rechecks {
		looks = looks[1:]
		first = looks[1]
	}
	// The daemon looks at once at what an audit found fault with, so that it says itself that it lacks it.
	if last.Kind != "recheck" || last.Verdict != availability.Corrupt && last.Verdict != availability.Missing || first.Verdict != availability.Corrupt || first.Kind == "recheck" || last.Slash.Amount == 0 {
		t.Errorf("slashed by %+v after %+v", last, first)
	}
	if last.Carrier != "challenge" || last.Asked != 1 {
		t.Errorf("the second look: %d targets over %s", last.Asked, last.Carrier)
	}
	// the page and the API show what was expected and what came
	at := slices.IndexFunc(first.Outcome.Results, func(x availability.Result) bool { return x.Verdict == availability.Corrupt })
	if at < 0 {
		t.Fatalf("no evidence in %+v", first)
	}
	x := first.Outcome.Results[at]
	want, got := bad.sums(x.Piece, x.Block, x.Whole)
	if x.Want.String() != want || x.Got.String() != got {
		t.Errorf("the evidence says %s, %s of %+v; the data %s, %s", x.Want, x.Got, x, want, got)
	}
	for who, token := range map[string]string{"other": r.token(other), "owner": r.token(owner)} {
		_, page := r.get(fmt.Sprint("/audits/", first.ID), token)
		_, api := r.get(fmt.Sprint("/api/v1/audits/", first.ID), token)
		for _, text := range []string{want, got} {
			if !strings.Contains(string(page), text) || !strings.Contains(string(api), text) {
				t.Errorf("%s does not see %s", who, text)
			}
		}
		if outside := []byte(loopback(203)); who != "owner" && (bytes.Contains(api, outside) || bytes.Contains(page, outside)) {
			t.Errorf("%s sees the address", who)
		}
	}
	if status := r.claim(bad.id, owner, n.id); status.IsProven(r.rules().Availability, r.now()) || status.Faults != 1 {
		t.Errorf("after the slash: %+v", status)
	}
	for _, s := range list[1:] {
		if !r.claim(s.id, owner, n.id).IsProven(r.rules().Availability, r.now()) {
			t.Error("another torrent lost its proof")
		}
	}
}

// sums are the hashes, in hex, that evidence must show of a piece or block: of the data, and of what
// spoil makes of it.
func (s *shared) sums(piece, block int, whole bool) (want, got string) {
	from := piece * sharedPiece
	to := min(from+sharedPiece, len(s.data))
	if !whole {
		from += block % s.file.Blocks(piece) * 16384
		to = min(from+16384, to)
	}
	good := s.data[from:to]
	bad := make([]byte, len(good))
	for i, b := range good {
		bad[i] = ^b
	}
	if whole && s.file.HasV1 {
		a, b := sha1.Sum(good), sha1.Sum(bad)
		return hex.EncodeToString(a[:]), hex.EncodeToString(b[:])
	}
	a, b := sha256.Sum256(good), sha256.Sum256(bad)
	return hex.EncodeToString(a[:]), hex.EncodeToString(b[:])
}

// TestPollsEndWhenTheServerDoes: a daemon that waits for challenges is answered when the server ends,
// and does not hold it up.
func TestPollsEndWhenTheServerDoes(t *testing.T) {
	t.Parallel()
	r := openServer(t, audited(t.TempDir()))
	owner := r.member("owner", 0, 50*tokens.Unit)
	r.run()
	n := r.pair(owner)
	polled := make(chan error, 1)
	go func() {
		_, _, err := n.client.Challenges(t.Context(), 15*time.Second)
		polled <- err
	}()
	r.eventually("the daemon polls", func() bool { return r.auditor.nodes.desk.Polls(r.now(), n.id) })
	r.stop()
	if err := <-polled; err != nil {
		t.Errorf("the poll was cut off: %v", err)
	}
}

// TestReportsLeaveTheAddress: a report that changes a claim says nothing of where the node is, so the
// address that its announces said stays known.
func TestReportsLeaveTheAddress(t *testing.T) {
	t.Parallel()
	conf := audited(t.TempDir())
	conf.Availability.EntryDelay = time.Hour
	r := openServer(t, conf)
	owner := r.member("owner", 0, 50*tokens.Unit)
	s := r.share(owner, 8, catalog.V1)
	r.run()
	defer func() { r.stop() }()
	n, p := r.pair(owner), r.peer(loopback(51), s.folder(t), owner, s)
	id := p.Stats().PeerID
	report := func(pieces byte, size int) {
		t.Helper()
		c := seeder.Claim{InfoHash: s.hash.String(), PeerID: hex.EncodeToString(id[:]), Bytes: bt.Bytes(size), Pieces: availability.Bitmap{pieces}}
		if a, err := n.client.Report(t.Context(), seeder.Report{Port: 6881, Claims: []seeder.Claim{c}}); err != nil || len(a.Accepted) != 1 {
			t.Fatalf("%+v %v", a, err)
		}
	}
	report(0b11000000, 2*sharedPiece)
	p.announce(r, p.Addr().Port(), 0, 0, 0)
	r.eventually("its announces are heard", func() bool { return r.claim(s.id, owner, n.id).Addr == p.Addr() })
	report(0b11110000, 4*sharedPiece)
	if c := r.claim(s.id, owner, n.id); c.Addr != p.Addr() || c.Bytes != 4*sharedPiece {
		t.Errorf("after the report the claim is at %s, the node at %s", c.Addr, p.Addr())
	}
}
