package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/swarm"
)

// TestReceiptExplainsTransfers posts transfers through the methods that make them and asks what they
// were made from.
func TestReceiptExplainsTransfers(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	addMember(t, s, 1, 100*tokens.Unit, 60*tokens.Unit)
	if err := s.Flush(t.Context(), &swarm.Batch{Number: 7, Usage: []swarm.UsageRow{usage(1, 3, 5)}}); err != nil {
		t.Fatal(err)
	}
	m, err := s.Member(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	charge := lastTransfer(t, s)
	r, err := s.Receipt(t.Context(), charge)
	if err != nil {
		t.Fatal(err)
	}
	if r.ID != charge || r.Row != head.Row || r.Head != head || r.Code != tokens.CodeCharge || r.Why != tokens.CodeCharge.Meaning() {
		t.Errorf("receipt %+v, head %+v", r, head)
	}
	if want := fmt.Sprintf("0.000005 tokens from what member 1 can spend to %s", r.To.Words()); r.What != want {
		t.Errorf("what: %q, want %q", r.What, want)
	}
	if want := []Evidence{{Link: tokens.Link{Kind: "flush", ID: "7"}}}; !slices.Equal(r.Evidence, want) {
		t.Errorf("evidence %v, want %v", r.Evidence, want)
	}
	if len(r.Parties) != 2 || r.Parties[0] != (Evidence{tokens.Link{Kind: "member", ID: "1"}, m.Name}) || r.Parties[1].Kind != "epoch" {
		t.Errorf("parties %v", r.Parties)
	}
	if _, err := s.Receipt(t.Context(), "nothing"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown transfer: %v", err)
	}
}

func lastTransfer(t *testing.T, s *Store) (id string) {
	t.Helper()
	if err := s.r.QueryRow("SELECT id FROM transfers ORDER BY seq DESC LIMIT 1").Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestReceiptResolvesEveryKind gives each kind of thing that has a name one, and refers to it.
func TestReceiptResolvesEveryKind(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	addMember(t, s, 1, 100*tokens.Unit, 60*tokens.Unit)
	for kind, query := range nameQueries {
		tr := grant("about/"+kind, tokens.Treasury, 1)
		tr.Code, tr.Ref = tokens.CodeHosting, kind+"/4711"
		if kind == "member" {
			tr.Ref = "member/1"
		}
		if err := s.Post(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
		r, err := s.Receipt(t.Context(), tr.ID)
		if err != nil {
			t.Fatalf("%s (%s): %v", kind, query, err)
		}
		if len(r.Evidence) != 1 || r.Evidence[0].Kind != kind || (r.Evidence[0].Name != "") != (kind == "member") {
			t.Errorf("%s: evidence %v", kind, r.Evidence)
		}
	}
}

func TestHead(t *testing.T) {
	s, model := open(t, t.TempDir(), Options{Now: stopped}), tokens.NewLedger()
	if h, err := s.Head(t.Context()); err != nil || h != (ChainHead{}) {
		t.Errorf("head of an empty ledger: %v, %v", h, err)
	}
	for i := range 3 {
		tr := grant(fmt.Sprintf("g%d", i), tokens.Treasury, 5)
		if err := s.Post(t.Context(), tr); err != nil {
			t.Fatal(err)
		}
		tr.AtMs = stopped().UnixMilli()
		if err := model.Post([]tokens.Transfer{tr}); err != nil {
			t.Fatal(err)
		}
		h, err := s.Head(t.Context())
		if want := (ChainHead{model.Head(), int64(i + 1), tr.AtMs}); err != nil || h != want {
			t.Errorf("head %v, %v; want %v", h, err, want)
		}
	}
}

// TestReadOnly: beside a store that writes, or alone; nothing can be written.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenReadOnly(t.Context(), dir); err == nil {
		t.Error("opened a database that does not exist")
	}
	s := open(t, dir, Options{})
	for i := range 2 {
		if err := s.Post(t.Context(), grant(fmt.Sprint(i), tokens.Treasury, 5)); err != nil && !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
		r, err := OpenReadOnly(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := r.Balance(t.Context(), tokens.Token, tokens.Treasury); err != nil || b != 5 {
			t.Errorf("treasury holds %d, %v", b, err)
		}
		if err := r.Post(t.Context(), grant("x", tokens.Treasury, 5)); !errors.Is(err, ErrClosed) {
			t.Errorf("wrote: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	tamper(t, dir, "UPDATE goose_db_version SET version_id = version_id + 1000 WHERE version_id = (SELECT max(version_id) FROM goose_db_version)")
	if _, err := OpenReadOnly(t.Context(), dir); err == nil {
		t.Error("opened a database of another version")
	}
}
