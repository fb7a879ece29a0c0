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

func (s *site) apiCode(w http.ResponseWriter, r *http.Request) error {
	code, expires, err := s.pairingCode(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, map[string]any{"code": code, "expires_at": utc(expires)})
}

func (s *site) pairingCode(r *http.Request) (string, int64, error) {
	code := s.letters(codeGroups)
	expires, err := s.Store.AddPairingCode(r.Context(), code, visitorOf(r).member.ID, codeTTL)
	return code, expires, err
}

func (s *site) apiPair(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Code      string `json:"code"`
		PublicKey string `json:"public_key"`
		Name      string `json:"name"`
	}
	if _, err := readJSON(r, &in); err != nil {
		return err
	}
	if !s.Dev && !s.signIns.allow("pair "+s.network(r), s.Now()) {
		return errSlowDown
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(in.PublicKey)
	if err != nil || len(raw) != ed25519.PublicKeySize {
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
	return answer(w, http.StatusCreated, map[string]any{"node_id": n.ID, "member": n.MemberName})
}

func (s *site) apiNodes(w http.ResponseWriter, r *http.Request) error {
	nodes, err := s.Store.MemberNodes(r.Context(), visitorOf(r).member.ID)
	if err != nil {
		return err
	}
	out := []map[string]any{}
	for _, n := range nodes {
		out = append(out, map[string]any{
			"node_id": n.ID, "name": n.Name, "state": nodeState(n.Node), "last_report_at": utcOrNil(n.LastReportMs), "created_at": utc(n.CreatedMs),
			"collateral_utok": Utok(n.Collateral), "retained_utok": Utok(n.Retained), "claims": n.Claims, "claimed_bytes": n.Claimed, "audits": n.Audits,
		})
	}
	return answer(w, http.StatusOK, map[string]any{"nodes": out})
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
	if !s.Dev && !s.reports.allow(fmt.Sprint(visitorOf(r).node.ID), s.Now()) {
		return errSlowDown
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
	if out.Accepted == nil {
		out.Accepted = []string{}
	}
	if out.Refused == nil {
		out.Refused = []RefusedClaim{}
	}
	if out.Rechecking == nil {
		out.Rechecking = []string{}
	}
	return answer(w, http.StatusOK, out)
}

func (s *site) apiStatus(w http.ResponseWriter, r *http.Request) error {
	out, err := s.Hosting.Status(r.Context(), *visitorOf(r).node)
	if err != nil {
		return err
	}
	if out.Claims == nil {
		out.Claims = []ClaimStatus{}
	}
	return answer(w, http.StatusOK, out)
}
