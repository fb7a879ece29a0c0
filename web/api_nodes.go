package web

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	codeTTL     = 15 * time.Minute
	codeGroups  = 2 // of four letters
	maxNodeName = 60
	// codeLetters has 32 letters that people do not confuse: 8 of them are 40 bits, which at the
	// allowed rate of attempts cannot be guessed in 15 minutes.
	codeLetters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
)

// letters makes a random code of groups of four letters, such as ABCD-EFGH.
func (s *site) letters(groups int) string {
	b := make([]byte, 4*groups)
	s.Random(b)
	var out strings.Builder
	for i, x := range b {
		if i > 0 && i%4 == 0 {
			out.WriteByte('-')
		}
		out.WriteByte(codeLetters[x%32])
	}
	return out.String()
}

// pairingView is a code with which a node introduces itself.
type pairingView struct {
	Code      string    `json:"code"`
	ExpiresAt time.Time `json:"expires_at"`
}

// pairBody is how a node introduces itself.
type pairBody struct {
	Code      string `json:"code" doc:"of its owner, see POST /nodes/codes"`
	PublicKey string `json:"public_key" doc:"32 bytes of an Ed25519 key in base64url without padding"`
	Name      string `json:"name,omitempty" doc:"at most 60 bytes"`
}

// pairedView is a node that was paired.
type pairedView struct {
	NodeID bt.NodeID `json:"node_id"`
	Member string    `json:"member" doc:"its owner"`
}

func (s *site) apiCode(w http.ResponseWriter, r *http.Request) error {
	code, expires, err := s.pairingCode(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, pairingView{code, utc(expires)})
}

func (s *site) pairingCode(r *http.Request) (string, int64, error) {
	code := s.letters(codeGroups)
	expires, err := s.Store.AddPairingCode(r.Context(), code, visitorOf(r).member.ID, codeTTL)
	return code, expires, err
}

func (s *site) apiPair(w http.ResponseWriter, r *http.Request) error {
	var in pairBody
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if err := s.limit(s.signIns, "pair "+s.network(r)); err != nil {
		return err
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(in.PublicKey)
	if err != nil || len(raw) != ed25519.PublicKeySize || !soundKey([32]byte(raw)) {
		return fail(http.StatusUnprocessableEntity, "public_key", "public_key must be the 32 bytes of an Ed25519 key in base64url without padding.")
	}
	name, err := cleanText([]byte(in.Name), "name", maxNodeName)
	if err != nil {
		return err
	}
	if name == "" {
		name = "node"
	}
	n, err := s.Store.PairNode(r.Context(), strings.ToUpper(strings.TrimSpace(in.Code)), store.NodeKey{Name: name, PublicKey: [32]byte(raw)})
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrUsed), errors.Is(err, store.ErrExpired):
		return fail(http.StatusUnprocessableEntity, "code", "This pairing code is unknown, used or older than %d minutes; make a new one on the hosting page.", int(codeTTL.Minutes()))
	case errors.Is(err, store.ErrExists):
		return fail(http.StatusConflict, "exists", "A node with this key is paired already.")
	case err != nil:
		return err
	}
	return answer(w, http.StatusCreated, pairedView{n.ID, n.MemberName})
}

// nodeView is a node as its owner sees it.
type nodeView struct {
	NodeID       bt.NodeID      `json:"node_id"`
	Name         string         `json:"name"`
	State        string         `json:"state" enum:"active,suspended"`
	LastReportAt *time.Time     `json:"last_report_at" doc:"null: it did not report yet"`
	CreatedAt    time.Time      `json:"created_at"`
	Collateral   Utok           `json:"collateral_utok"`
	Retained     Utok           `json:"retained_utok" doc:"of its earnings, kept as collateral"`
	Claims       int            `json:"claims" doc:"torrents that it says it hosts"`
	Claimed      bt.Bytes       `json:"claimed_bytes"`
	Audits       map[string]int `json:"audits" doc:"that were made of it, by verdict"`
}

// nodesView is a member's nodes.
type nodesView struct {
	Nodes []nodeView `json:"nodes"`
	Next  string     `json:"next" doc:"cursor of the next page; empty: this was the last"`
}

func (s *site) apiNodes(w http.ResponseWriter, r *http.Request) error {
	nodes, err := s.Store.MemberNodes(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return err
	}
	page, next, err := pageOf(r, nodes, func(n store.NodeSummary) string { return numberKey(int64(n.ID)) })
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, nodesView{views(page, func(n store.NodeSummary) nodeView {
		return nodeView{n.ID, n.Name, nodeState(n.Node), utcOrNil(n.LastReportMs), utc(n.CreatedMs), Utok(n.Collateral), Utok(n.Retained), n.Claims, n.Claimed, n.Audits}
	}), next})
}

func nodeState(n store.Node) string {
	if n.SuspendedMs > 0 {
		return "suspended"
	}
	return "active"
}

func nodeID(r *http.Request) (bt.NodeID, error) {
	n, err := strconv.ParseUint(chi.URLParam(r, "node"), 10, 32)
	if err != nil {
		return 0, store.ErrNotFound
	}
	return bt.NodeID(n), nil
}

func (s *site) apiReport(w http.ResponseWriter, r *http.Request) error {
	var in Report
	if err := s.limit(s.reports, fmt.Sprint(visitorOf(r).node.ID)); err != nil {
		return err
	}
	body, err := readJSON(r, &in)
	if err != nil {
		return err
	}
	if in.Port == 0 {
		return fail(http.StatusUnprocessableEntity, "port", "port must be the port that peers connect to, 1 to 65535.")
	}
	in.Addr, in.Body = s.ClientAddr(r).Unmap(), body
	in.Token, _ = bearer(r)
	out, err := s.Hosting.Report(r.Context(), *visitorOf(r).node, in)
	if err != nil {
		return err
	}
	out.Accepted, out.Refused, out.Rechecking = listed(out.Accepted), listed(out.Refused), listed(out.Rechecking)
	return answer(w, http.StatusOK, out)
}

func (s *site) apiStatus(w http.ResponseWriter, r *http.Request) error {
	out, err := s.Hosting.Status(r.Context(), *visitorOf(r).node)
	if err != nil {
		return err
	}
	out.Claims = listed(out.Claims)
	return answer(w, http.StatusOK, out)
}
